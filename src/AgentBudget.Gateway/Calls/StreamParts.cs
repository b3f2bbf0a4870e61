using AgentBudget.Client;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Gateway.Calls;

/// <summary>
/// Settles a long stream in parts while it runs, so that a gateway that dies leaves all but the last part settled. Each
/// part counts the whole stream up to then, and the end takes all of them back for what the provider reports.
/// </summary>
internal sealed class StreamParts(
    AgentBudgetClient client, GatewayOptions options, SessionUse spender, Hold hold, TimeProvider time)
{
    private Task _sending = Task.CompletedTask;
    private long _lastTicks = time.GetTimestamp();
    private long _lastTokens;

    /// <summary>Whether a part was told, so that the end is to take it back.</summary>
    public bool HasAny { get; private set; }

    /// <summary>Tells a part where one is due. One is on its way at a time.</summary>
    /// <param name="reader">What was read of the stream.</param>
    /// <param name="usualInput">Input tokens where nobody counted them yet.</param>
    public void Note(AnswerReader reader, long usualInput)
    {
        long tokens = reader.SeenOutput;
        bool isDue = _sending.IsCompleted && tokens > _lastTokens
            && (tokens - _lastTokens >= options.PartTokens || time.GetElapsedTime(_lastTicks) >= options.PartEvery);
        if (!isDue) return;
        (_lastTokens, _lastTicks) = (tokens, time.GetTimestamp());
        // The reader reads on while it is sent.
        CommitTokensRequest part = reader.ToCommit(usualInput, hold.OutputMost).Clone();
        part.ReservationId = hold.Scope.Reservation!.ReservationId;
        part.SessionToken = spender.Token;
        part.Cumulative = true;
        part.Final = false;
        HasAny = true;
        _sending = SendAsync(part);
    }

    /// <summary>Waits for the part that is on its way, after which the end may be told.</summary>
    public Task EndAsync() => _sending;

    private async Task SendAsync(CommitTokensRequest part)
    {
        try
        {
            await client.CommitAsync(part, CancellationToken.None);
        }
        catch (AgentBudgetException)
        {
            // The next part, or the end, counts all that this one did.
        }
    }
}
