using System.CommandLine;
using AgentBudget.Cli.Connecting;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Credentials: who may call.</summary>
internal static class CredentialCommands
{
    private static readonly Dictionary<string, Role> Roles = new(StringComparer.Ordinal)
    {
        ["agent"] = Role.Agent,
        ["gateway"] = Role.Gateway,
        ["orchestrator"] = Role.Orchestrator,
        ["owner"] = Role.Owner,
        ["finance"] = Role.Finance,
        ["auditor"] = Role.Auditor,
        ["admin"] = Role.Admin,
    };

    public static Command Make(CliHost host) => new("credentials", "Lists, makes and revokes credentials.")
    {
        List(host),
        Create(host),
        Revoke(host),
    };

    private static Command List(CliHost host)
    {
        Option<string?> principal = Arguments.Filter(
            "--principal", "Only whose this is: agents/promo-writer, or another caller's name.", "NAME");
        Option<bool> live = new("--live") { Description = "Only those that work." };
        Option<int> limit = Arguments.Limit();
        return host.Handle(
            new Command("list", "Credentials that work or ended within the last 24 hours.") { principal, live, limit },
            async call =>
            {
                List<Credential> found = await CliCall.PagesAsync(
                    (size, token) => call.CallAsync(
                        call.Client.Identities.ListCredentialsAsync,
                        new ListCredentialsRequest
                        {
                            PageSize = size,
                            PageToken = token,
                            Principal = call.Get(principal) ?? "",
                            State = call.Get(live)
                                ? Credential.Types.State.Live
                                : Credential.Types.State.Unspecified,
                        }),
                    page => (page.Credentials, page.NextPageToken),
                    call.Get(limit));
                Grid grid = GridOf();
                foreach (Credential credential in found) Add(grid, credential);
                call.Output.Write(found, grid);
                return ExitCodes.Ok;
            });
    }

    private static Command Create(CliHost host)
    {
        Argument<string> principal = new("principal")
        {
            Description = "Whose: agents/promo-writer for the role agent, else a name of your choice.",
            HelpName = "NAME",
        };
        Option<string> role = new("--role") { Description = "What it may do.", Required = true };
        role.AcceptOnlyFromAmong([.. Roles.Keys]);
        Option<string[]> grains = new("--grain")
        {
            Description = "For the role owner: useCases/NAME or businessUnits/NAME. May be repeated.",
            HelpName = "GRAIN",
        };
        Option<string?> expires =
            Arguments.Filter("--expires", "Until when. Default: until it is revoked.", "TIME");
        Option<string> secretFile = new("--secret-file")
        {
            Description = "The file that gets the secret, readable by you alone. It must not be there yet.",
            HelpName = "FILE",
            Required = true,
        };
        return host.Handle(
            new Command(
                "create",
                "Makes a credential. Its secret goes to a file and is shown nowhere."
                + "\n\n  agentbudget credentials create agents/promo-writer --role agent --secret-file writer.key")
            {
                principal, role, grains, expires, secretFile,
            },
            async call =>
            {
                string file = call.Get(secretFile)!;
                CreateCredentialRequest request = new()
                {
                    Principal = call.Get(principal),
                    Role = Roles[call.Get(role)!],
                    ExpireTime = call.Get(expires) is { } until ? Arguments.TimeOf("--expires", until) : null,
                };
                request.Grains.Add(call.Get(grains) ?? []);
                CreateCredentialResponse made = await SecretFile.FillAsync(
                    file,
                    () => call.CallAsync(call.Client.Identities.CreateCredentialAsync, request),
                    answer => answer.Secret);
                Grid grid = GridOf();
                Add(grid, made.Credential);
                call.Output.Write(made.Credential, grid);
                call.Output.Say($"Its secret is in {file}.");
                return ExitCodes.Ok;
            });
    }

    private static Command Revoke(CliHost host)
    {
        Argument<string> credential =
            new("credential") { Description = "Which, such as c17.", HelpName = "CREDENTIAL" };
        Option<string> reason = Arguments.Reason("a rotation, a leak");
        Option<bool> keep = new("--keep-sessions")
        {
            Description = "Leaves the sessions that it opened as they are. Without it they end too.",
        };
        return host.Handle(
            new Command("revoke", "Ends a credential at once.") { credential, reason, keep },
            async call =>
            {
                RevokeCredentialResponse answer = await call.CallAsync(
                    call.Client.Identities.RevokeCredentialAsync,
                    new RevokeCredentialRequest
                    {
                        Credential = Arguments.Named("credentials", call.Get(credential)),
                        Reason = call.Get(reason),
                        KeepSessions = call.Get(keep),
                    });
                Grid grid = GridOf();
                Add(grid, answer.Credential);
                call.Output.Write(answer.Credential, grid);
                return ExitCodes.Ok;
            });
    }

    private static Grid GridOf() => new(
        "credential", "principal", "role", "state", new("made", IsOptional: true), new("last used", IsOptional: true),
        new("expires", IsOptional: true), new("key id", IsOptional: true));

    private static void Add(Grid grid, Credential credential) => grid.Add(
        credential.Credential_,
        credential.Principal,
        Texts.Name(credential.Role),
        new GridCell(
            Texts.Name(credential.State), credential.State == Credential.Types.State.Live ? "green" : "grey"),
        Texts.Time(credential.CreateTime),
        Texts.Time(credential.LastUseTime),
        Texts.Time(credential.ExpireTime),
        credential.KeyId);
}
