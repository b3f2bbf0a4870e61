using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using AgentBudget.Client;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Gateway.Envoy;

/// <summary>
/// Who asks in Envoy's name: the credential of a gateway, or of an orchestrator where descriptors name an agent and no
/// session. Everything that is done for it is done with it, so the service decides what it may do.
/// </summary>
internal sealed class EnvoyCallers(AgentBudgetClient client, TimeProvider time) : IAsyncDisposable
{
    private const int CallersMax = 100; // One for each Envoy configuration; with room for keys that are changed.
    private const string Bearer = "Bearer ";

    /// <summary>A revoked one spends no longer at once, and is not listened to any more after this.</summary>
    private static readonly TimeSpan Known = TimeSpan.FromMinutes(1);

    private static readonly string[] Prefixes = ["abg_", "abo_"];

    private readonly ConcurrentDictionary<string, EnvoyCaller> _callers = new(StringComparer.Ordinal);
    private readonly BudgetService.BudgetServiceClient _budgets = new(client.Channel.CreateCallInvoker());

    /// <summary>Who asks.</summary>
    /// <exception cref="RpcException">It shows no credential, or none that may ask here.</exception>
    public async Task<EnvoyCaller> OfAsync(ServerCallContext context)
    {
        string given = context.RequestHeaders.GetValue("authorization") ?? "";
        string credential = given.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? given[Bearer.Length..] : "";
        if (!Array.Exists(Prefixes, prefix => credential.StartsWith(prefix, StringComparison.Ordinal)))
            throw Refused("Show the credential of a gateway or an orchestrator: authorization: Bearer abg_…");
        if (!credential.All(letter => letter is > ' ' and < '\x7f')) throw Refused("The credential is none.");
        string id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(credential)));
        if (_callers.TryGetValue(id, out EnvoyCaller? known) && time.GetElapsedTime(known.ProvedTicks) < Known)
            return known;
        await ProveAsync(credential, context.CancellationToken);
        EnvoyCaller caller = _callers.GetOrAdd(
            id, _ => new EnvoyCaller(client.For(credential), new CallerKey(credential, null)));
        caller.ProvedTicks = time.GetTimestamp();
        if (_callers.Count > CallersMax) await ForgetOldestAsync();
        return caller;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (EnvoyCaller caller in _callers.Values) await caller.Client.DisposeAsync();
        _callers.Clear();
    }

    // It asks for something that it may not see. A credential that is none is told so before.
    private async Task ProveAsync(string credential, CancellationToken cancellation)
    {
        try
        {
            await _budgets.GetBalanceAsync(
                new GetBalanceRequest { Grain = "useCases/none" },
                new Metadata { { "authorization", Bearer + credential } },
                deadline: null,
                cancellation);
        }
        catch (RpcException fault) when (fault.StatusCode == StatusCode.Unauthenticated)
        {
            throw Refused("The credential is unknown, revoked or expired.");
        }
        catch (RpcException fault) when (fault.StatusCode is StatusCode.PermissionDenied or StatusCode.NotFound
            or StatusCode.InvalidArgument)
        {
            // Known.
        }
        catch (RpcException fault)
        {
            throw new RpcException(new Status(
                StatusCode.Unavailable, $"The budget cannot be asked now: {fault.Status.Detail}"));
        }
    }

    private async Task ForgetOldestAsync()
    {
        (string id, _) = _callers.MinBy(caller => caller.Value.ProvedTicks);
        if (_callers.TryRemove(id, out EnvoyCaller? oldest)) await oldest.Client.DisposeAsync();
    }

    private static RpcException Refused(string message) => new(new Status(StatusCode.Unauthenticated, message));
}

/// <summary>Who asks in Envoy's name.</summary>
/// <param name="client">Calls as it.</param>
/// <param name="key">Its credential.</param>
internal sealed class EnvoyCaller(AgentBudgetClient client, CallerKey key)
{
    public AgentBudgetClient Client { get; } = client;

    public CallerKey Key { get; } = key;

    /// <summary>When it was last seen to be one.</summary>
    public long ProvedTicks { get; set; }
}
