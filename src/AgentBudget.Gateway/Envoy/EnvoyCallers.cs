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
internal sealed class EnvoyCallers(AgentBudgetClient client, TimeProvider time, int most) : IAsyncDisposable
{
    private const string Bearer = "Bearer ";

    /// <summary>A revoked one spends no longer at once, and is not listened to any more after this.</summary>
    private static readonly TimeSpan Known = TimeSpan.FromMinutes(1);

    private static readonly string[] Prefixes = ["abg_", "abo_"];

    private readonly Lock _lock = new();
    private readonly Dictionary<string, EnvoyCaller> _callers = new(StringComparer.Ordinal);
    private readonly BudgetService.BudgetServiceClient _budgets = new(client.Channel.CreateCallInvoker());

    /// <summary>Who asks, for as long as its call takes. Whoever takes it gives it back.</summary>
    /// <param name="authorization">What the call's metadata say.</param>
    /// <param name="cancellation">Gives the asking up.</param>
    /// <exception cref="RpcException">It shows no credential, or none that may ask here.</exception>
    public async Task<EnvoyUse> TakeAsync(string authorization, CancellationToken cancellation)
    {
        string credential = authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? authorization[Bearer.Length..]
            : "";
        if (!Array.Exists(Prefixes, prefix => credential.StartsWith(prefix, StringComparison.Ordinal)))
            throw Refused("Show the credential of a gateway or an orchestrator: authorization: Bearer abg_…");
        if (!credential.All(letter => letter is > ' ' and < '\x7f')) throw Refused("The credential is none.");
        string id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(credential)));
        lock (_lock)
        {
            if (_callers.TryGetValue(id, out EnvoyCaller? known) && time.GetElapsedTime(known.ProvedTicks) < Known)
                return UseOf(known);
        }

        await ProveAsync(credential, cancellation);
        EnvoyUse use;
        EnvoyCaller? forgotten;
        lock (_lock)
        {
            if (!_callers.TryGetValue(id, out EnvoyCaller? caller))
                _callers[id] = caller = new EnvoyCaller(client.For(credential), new CallerKey(credential, null));
            caller.ProvedTicks = time.GetTimestamp();
            use = UseOf(caller);
            forgotten = _callers.Count > most ? ForgetOldest() : null;
        }

        if (forgotten is not null) await forgotten.Client.DisposeAsync();
        return use;
    }

    /// <summary>The last call of one that was forgotten meanwhile closes its connections.</summary>
    public ValueTask GiveBackAsync(EnvoyCaller caller)
    {
        bool isLast;
        lock (_lock) isLast = --caller.Uses == 0 && caller.IsForgotten;
        return isLast ? caller.Client.DisposeAsync() : ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        EnvoyCaller[] callers;
        lock (_lock)
        {
            callers = [.. _callers.Values];
            _callers.Clear();
        }

        foreach (EnvoyCaller caller in callers) await caller.Client.DisposeAsync();
    }

    private EnvoyUse UseOf(EnvoyCaller caller)
    {
        caller.Uses++;
        return new EnvoyUse(this, caller);
    }

    // Answers it where no call of its is under way; one that is in use stays until its last call has ended.
    private EnvoyCaller? ForgetOldest()
    {
        (string id, EnvoyCaller oldest) = _callers.MinBy(caller => caller.Value.ProvedTicks);
        _callers.Remove(id);
        oldest.IsForgotten = true;
        return oldest.Uses == 0 ? oldest : null;
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

    /// <summary>Calls of it that are under way.</summary>
    public int Uses { get; set; }

    /// <summary>The next call makes it anew.</summary>
    public bool IsForgotten { get; set; }
}

/// <summary>A caller for the time of one call.</summary>
/// <param name="callers">Where it is given back.</param>
/// <param name="caller">Who asks.</param>
internal sealed class EnvoyUse(EnvoyCallers callers, EnvoyCaller caller) : IAsyncDisposable
{
    public EnvoyCaller Caller { get; } = caller;

    public ValueTask DisposeAsync() => callers.GiveBackAsync(Caller);
}
