using System.Runtime.InteropServices;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Grains.Lanes;

/// <summary>
/// One silo's queue of commands for one tenant. What arrives while two batches are on their way leaves together as the
/// next, so a busy tenant is asked with few large calls and an idle one at once. Bounded as a whole, by kind, by
/// principal and by session. Thread-safe.
/// </summary>
internal sealed partial class Lane : IThreadPoolWorkItem
{
    /// <summary>While one batch is being made durable the next is decided; a third would only wait there.</summary>
    internal const int BatchesInFlightMax = 2;

    /// <summary>Commands of one batch: as many as one group of the journal has events.</summary>
    internal const int CommandsPerBatchMax = 4096;

    private readonly Lock _gate = new();
    private readonly Queue<PendingCommand> _waiting = new();
    private readonly Dictionary<long, int> _bySession = [];
    private readonly Dictionary<string, int> _byPrincipal = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _settlementsBy = new(StringComparer.Ordinal);
    private readonly string _tenant;
    private readonly LaneOptions _options;
    private readonly Func<Command[], Task<Reply[]>> _send;
    private readonly Action<IThreadPoolWorkItem> _runSoon;
    private readonly ILogger _logger;
    private int _inFlight;
    private int _commands;
    private int _settlements;
    private bool _isStarting; // A batch is about to be made.

    /// <param name="tenant">Whose.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="send">Carries a batch to the tenant; fails when nobody knows what became of it.</param>
    /// <param name="runSoon">Runs work soon, and not inside of the call.</param>
    /// <param name="logger">Logs.</param>
    internal Lane(
        string tenant,
        LaneOptions options,
        Func<Command[], Task<Reply[]>> send,
        Action<IThreadPoolWorkItem> runSoon,
        ILogger logger)
    {
        _tenant = tenant;
        _options = options;
        _send = send;
        _runSoon = runSoon;
        _logger = logger;
    }

    /// <summary>Commands here and on their way, but for commits and releases.</summary>
    internal int WaitingCommands => Volatile.Read(ref _commands);

    /// <summary>Commits and releases here and on their way.</summary>
    internal int WaitingSettlements => Volatile.Read(ref _settlements);

    /// <summary>Takes a command that was asked, or turns it away.</summary>
    internal void Submit(PendingCommand pending)
    {
        string? refusal;
        bool isFirst = false;
        lock (_gate)
        {
            refusal = TryEnter(pending);
            if (refusal is null)
            {
                _waiting.Enqueue(pending);
                isFirst = MayStart();
            }
        }

        if (refusal is not null) pending.Complete(new Reply(default, TenantFault.Busy, refusal));
        else if (isFirst) _runSoon(this);
    }

    /// <summary>Makes a batch of what has arrived.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        PendingCommand[] batch;
        lock (_gate)
        {
            _isStarting = false;
            batch = new PendingCommand[Math.Min(_waiting.Count, CommandsPerBatchMax)];
            for (int place = 0; place < batch.Length; place++) batch[place] = _waiting.Dequeue();
            _inFlight++;
        }

        _ = CarryAsync(batch);
    }

    private async Task CarryAsync(PendingCommand[] batch)
    {
        Reply[]? replies = null;
        try
        {
            replies = await _send(Array.ConvertAll(batch, pending => pending.Command));
        }
        catch (Exception fault)
        {
            Log.Lost(_logger, _tenant, batch.Length, fault);
        }

        bool isNext;
        lock (_gate)
        {
            _inFlight--;
            foreach (PendingCommand pending in batch) Leave(pending);
            isNext = MayStart();
        }

        if (isNext) _runSoon(this);
        for (int start = 0; start < batch.Length; start += Answers.CountMax)
            _runSoon(new Answers(batch, replies, start));
    }

    private bool MayStart()
    {
        if (_isStarting || _waiting.Count == 0 || _inFlight >= BatchesInFlightMax) return false;
        return _isStarting = true;
    }

    private string? TryEnter(PendingCommand pending)
    {
        if (pending.Kind == CommandKind.Settlement)
        {
            if (!HasRoom(_settlementsBy, pending, _options.SettlementsByPrincipalMax))
                return "too many commits and releases of this principal wait";
            if (_settlements >= _options.WaitingSettlementsMax)
                return $"too many commits and releases wait for tenant '{_tenant}'";
            Count(_settlementsBy, pending);
            _settlements++;
            return null;
        }

        if (!HasRoom(_byPrincipal, pending, _options.WaitingByPrincipalMax))
            return "too many requests of this principal wait";
        if (_commands >= _options.WaitingCommandsMax) return $"too many requests wait for tenant '{_tenant}'";
        if (pending.Command is SpendCommand { Session: var session })
        {
            ref int ofSession = ref CollectionsMarshal.GetValueRefOrAddDefault(_bySession, session, out _);
            if (ofSession >= _options.WaitingBySessionMax) return "too many requests of this session wait";
            ofSession++;
        }

        Count(_byPrincipal, pending);
        _commands++;
        return null;
    }

    // What is no spend names nobody, and is counted as one.
    private static string PrincipalOf(PendingCommand pending) => (pending.Command as SpendCommand)?.Principal ?? "";

    private static bool HasRoom(Dictionary<string, int> counts, PendingCommand pending, int most) =>
        counts.GetValueOrDefault(PrincipalOf(pending)) < most;

    private static void Count(Dictionary<string, int> counts, PendingCommand pending) =>
        CollectionsMarshal.GetValueRefOrAddDefault(counts, PrincipalOf(pending), out _)++;

    private static void Uncount(Dictionary<string, int> counts, PendingCommand pending)
    {
        string principal = PrincipalOf(pending);
        if (--CollectionsMarshal.GetValueRefOrNullRef(counts, principal) == 0) counts.Remove(principal);
    }

    private void Leave(PendingCommand pending)
    {
        if (pending.Kind == CommandKind.Settlement)
        {
            _settlements--;
            Uncount(_settlementsBy, pending);
            return;
        }

        _commands--;
        Uncount(_byPrincipal, pending);
        if (pending.Command is SpendCommand { Session: var session } && --CollectionsMarshal.GetValueRefOrNullRef(
            _bySession, session) == 0)
        {
            _bySession.Remove(session);
        }
    }

    /// <summary>
    /// Answers on their way to those who wait. What callers do with one is short, so handing each to the pool by itself
    /// would cost more than it does.
    /// </summary>
    private sealed class Answers(PendingCommand[] batch, Reply[]? replies, int start) : IThreadPoolWorkItem
    {
        /// <summary>Enough to make the hand-over cheap, few enough to spread over cores.</summary>
        public const int CountMax = 32;

        public void Execute()
        {
            int end = Math.Min(start + CountMax, batch.Length);
            for (int place = start; place < end; place++)
            {
                if (replies is null) batch[place].Lose();
                else batch[place].Complete(replies[place]);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3301, LogLevel.Warning, "What became of {Count} commands for tenant {Tenant} is not known")]
        public static partial void Lost(ILogger logger, string tenant, int count, Exception fault);
    }
}
