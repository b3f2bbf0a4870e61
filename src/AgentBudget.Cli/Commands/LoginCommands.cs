using System.CommandLine;
using AgentBudget.Cli.Connecting;
using AgentBudget.Cli.Output;
using AgentBudget.Client;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Profile = AgentBudget.Cli.Connecting.Profile;

namespace AgentBudget.Cli.Commands;

/// <summary>Profiles: which service to call, and with what.</summary>
internal static class LoginCommands
{
    private const int SecretCharsMax = 16 * 1024;

    public static Command Login(CliHost host) => host.Handle(
        new Command(
            "login",
            "Remembers a server and a credential as a profile. The credential is asked for, or comes on standard "
            + "input, or stays in the file that --credential-file names; never as an argument, which others on the "
            + "machine see. It is tried first."
            + "\n\n  agentbudget login --server https://budget.example.com:7443"
            + "\n  agentbudget login --profile local --credential-file data/admin.key"),
        LoginAsync);

    public static Command Logout(CliHost host) => host.Handle(
        new Command("logout", "Forgets a profile and the credential that login kept for it."),
        call =>
        {
            ProfileStore store = ProfileStore.OfUser();
            ProfileSet set = store.Read();
            string name = call.Get(call.Options.Profile) ?? set.Current ?? ProfileStore.DefaultName;
            if (!set.Profiles.Remove(name)) throw CliException.Usage($"There is no profile {name}.");
            if (set.Current == name) set.Current = set.Profiles.Keys.FirstOrDefault();
            store.Write(set);
            store.DeleteCredential(name);
            call.Output.Say($"The profile {name} is forgotten. Its credential works on: revoke it where it leaked.");
            return Task.FromResult(ExitCodes.Ok);
        });

    public static Command Profiles(CliHost host)
    {
        Argument<string?> use = new("use")
        {
            Description = "The profile to use from now on.",
            Arity = ArgumentArity.ZeroOrOne,
            HelpName = "NAME",
        };
        return host.Handle(
            new Command("profiles", "Lists the profiles of login, or chooses the one to use where none is named.")
            {
                use,
            },
            call =>
            {
                ProfileStore store = ProfileStore.OfUser();
                ProfileSet set = store.Read();
                if (call.Parsed.GetValue(use) is { } chosen)
                {
                    if (!set.Profiles.ContainsKey(chosen)) throw CliException.Usage($"There is no profile {chosen}.");
                    set.Current = chosen;
                    store.Write(set);
                }

                Grid grid = new("profile", "current", "server", "credential", "tenant")
                {
                    Empty = "There are no profiles: make one with 'agentbudget login'.",
                };
                foreach ((string name, Profile profile) in set.Profiles)
                {
                    grid.Add(
                        name, name == set.Current ? "yes" : "", profile.Server, profile.CredentialFile, profile.Tenant);
                }

                call.Output.Write(grid);
                return Task.FromResult(ExitCodes.Ok);
            });
    }

    private static async Task<int> LoginAsync(CliCall call)
    {
        ProfileStore store = ProfileStore.OfUser();
        ProfileSet set = store.Read();
        string name = call.Get(call.Options.Profile) ?? set.Current ?? ProfileStore.DefaultName;
        ProfileStore.CheckName(name);
        string server = Connection.ServerOf(call.Options, call.Parsed, set.Profiles.GetValueOrDefault(name));
        string? file = call.Get(call.Options.CredentialFile);
        string secret = file is null ? await AskAsync(call) : await Arguments.TextOfAsync(file, call.Cancellation);
        await TryAsync(call, server, secret);
        file = file is null ? store.WriteCredential(name, secret) : Path.GetFullPath(file);
        set.Profiles[name] = new Profile(server, file, call.Get(call.Options.Tenant));
        set.Current = name;
        store.Write(set);
        call.Output.Say($"Logged in at {server} as the profile {name}.");
        return ExitCodes.Ok;
    }

    private static async Task<string> AskAsync(CliCall call)
    {
        if (!Console.IsInputRedirected)
            return await SecretPrompt.AskAsync("Credential (not shown): ", call.Cancellation);
        char[] buffer = new char[SecretCharsMax];
        int chars = await Console.In.ReadBlockAsync(buffer, call.Cancellation);
        return new string(buffer, 0, chars).Trim();
    }

    // Which role it has is not known: every answer but "unknown credential" shows that it is one.
    private static async Task TryAsync(CliCall call, string server, string secret)
    {
        if (secret.Length == 0) throw CliException.Usage("The credential is empty: nothing was remembered.");
        await using AgentBudgetClient client = Connection.Open(
            call.Options, call.Parsed, Connection.AddressOf(server), options => options.Credential = secret);
        try
        {
            await client.GetSessionAsync(new GetSessionRequest { Session = "sessions/none" }, call.Cancellation);
        }
        catch (AgentBudgetException fault) when (
            fault.StatusCode is StatusCode.NotFound or StatusCode.PermissionDenied or StatusCode.InvalidArgument)
        {
            // It is known.
        }
    }
}
