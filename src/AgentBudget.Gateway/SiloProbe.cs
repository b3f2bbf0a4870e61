using AgentBudget.Client;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Gateway;

/// <summary>Whether the budget can be asked.</summary>
public static class SiloProbe
{
    /// <summary>Asks the silo for something that is not there: what counts is whether it knows who asks.</summary>
    /// <param name="client">Asks.</param>
    /// <param name="most">How long it tries.</param>
    /// <param name="cancellation">Gives it up.</param>
    /// <returns>Why the budget cannot be asked; null where it can.</returns>
    public static async Task<AgentBudgetException?> AskAsync(
        AgentBudgetClient client, TimeSpan most, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        try
        {
            await client.CallAsync(
                client.Budgets.GetBalanceAsync,
                new GetBalanceRequest { Grain = "useCases/none" },
                cancellation,
                most);
            return null;
        }
        catch (AgentBudgetException fault)
        {
            bool isKnown = fault.StatusCode is StatusCode.NotFound or StatusCode.PermissionDenied
                or StatusCode.InvalidArgument;
            return isKnown ? null : fault;
        }
    }
}

/// <summary>
/// Whether calls can be served now, which is whether the budget can be asked. However many ask this at once, the silo
/// is asked once, and at most once a second.
/// </summary>
internal sealed class Readiness(AgentBudgetClient client, TimeProvider time)
{
    private static readonly TimeSpan AskMax = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Known = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private Task<bool>? _answer;
    private long _askedTicks;

    public Task<bool> IsReadyAsync()
    {
        lock (_lock)
        {
            if (_answer is null || (_answer.IsCompleted && time.GetElapsedTime(_askedTicks) >= Known))
            {
                _askedTicks = time.GetTimestamp();
                _answer = AskAsync();
            }

            return _answer;
        }
    }

    private async Task<bool> AskAsync() =>
        await SiloProbe.AskAsync(client, AskMax, CancellationToken.None) is null;
}
