using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Feeds;
using AgentBudget.Grains.Placement;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Streams;

namespace AgentBudget.Grains.Tenants;

/// <summary>
/// Hosts one tenant's activation: carries batches to it, runs its steps on the grain's own turn, tells that its ledger
/// grew. It holds no state beside the activation, and no promise: should there be two of them for a moment, the epoch
/// in every append lets one write.
/// </summary>
[TenantPlacement]
internal sealed partial class TenantGrain(
    ActivationServices services,
    HintSender hints,
    [FromKeyedServices(TimeProviderNames.Grains)] TimeProvider time,
    ILogger<TenantGrain> logger)
    : Grain, ITenantGrain, IActivationHost, IRemindable, IDisposable
{
    /// <summary>Hints are for those who wait for events; more often than this nobody needs to look.</summary>
    private static readonly TimeSpan HintInterval = TimeSpan.FromMilliseconds(5);

    /// <summary>The shortest period that reminders take; a deadline is handled at its own time, however late.</summary>
    private static readonly TimeSpan ReminderPeriod = TimeSpan.FromMinutes(1);

    private const string DeadlineReminder = "deadline";

    private TenantActivation? _activation;
    private Action? _step; // The activation's, which is always the same.
    private IAsyncStream<LedgerHint>? _stream;
    private long _durable;
    private bool _isHinting;
    private bool _isLeaving;

    private TenantActivation Activation => _activation!;

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        string tenant = this.GetPrimaryKeyString();
        _stream = this.GetStreamProvider(LedgerHint.StreamProvider)
            .GetStream<LedgerHint>(StreamId.Create(LedgerHint.StreamNamespace, tenant));
        _activation = new TenantActivation(tenant, services, this);
        return Task.CompletedTask;
    }

    /// <summary>Lets what waits finish and takes a snapshot. Nothing acknowledged depends on it.</summary>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _isLeaving = true;
        Task stopped = Activation.StopAsync();
        await stopped.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing
            | ConfigureAwaitOptions.ContinueOnCapturedContext);
        if (!stopped.IsCompleted)
        {
            // It ends by itself once the store answers; until then the epoch keeps it from harm.
            Log.NotStopped(logger, Activation.Tenant);
            return;
        }

        // A silo that stops leaves its tenants to the next one, whose scan of the store knows their deadlines.
        if (reason.ReasonCode != DeactivationReasonCode.ShuttingDown) await WakeForDeadlineAsync();
    }

    /// <summary>One that has not ended yet frees what it holds on its own steps, and not beside them.</summary>
    public void Dispose() => _ = _activation?.StopAsync();

    /// <inheritdoc/>
    public async Task<TurnReplies> Turn(TurnBatch batch)
    {
        CommandBatch commands = new(batch.Commands);
        Activation.Submit(commands);
        return new TurnReplies(await commands.Answered);
    }

    /// <inheritdoc/>
    public ValueTask<EventPage> ReadRecent(long fromSequence)
    {
        if (Activation.TryReadRecent(fromSequence, out ReadOnlyMemory<LedgerEvent> events))
            return new ValueTask<EventPage>(new EventPage(events.ToArray()));
        // A reader of the journal is no reason to own it, and who is active without would be taken for its owner.
        if (Activation.IsAsleep) DeactivateOnIdle();
        return new ValueTask<EventPage>(EventPage.Empty);
    }

    /// <inheritdoc/>
    public ValueTask Wake()
    {
        Activation.Load();
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// A sleeping tenant's deadline has come. It is told again each minute until the tenant is awake: this activation
    /// may be about to leave.
    /// </summary>
    public async Task ReceiveReminder(string reminderName, TickStatus status)
    {
        if (Activation.IsAsleep)
        {
            Activation.Load();
            return;
        }

        if (await this.GetReminder(DeadlineReminder) is { } reminder) await this.UnregisterReminder(reminder);
    }

    void IActivationHost.RunSoon(IThreadPoolWorkItem step) =>
        GrainContext.Scheduler.QueueAction(_step ??= step.Execute);

    void IActivationHost.Published(long durableSequence)
    {
        _durable = durableSequence;
        if (!_isHinting) _ = HintAsync();
    }

    void IActivationHost.Ended() => DeactivateOnIdle();

    // Never awaited by a turn; what is published while one hint is under way is told by the next.
    private async Task HintAsync()
    {
        _isHinting = true;
        long told = 0;
        while (told != _durable && !_isLeaving)
        {
            told = _durable;
            await hints.SendAsync(_stream!, told);
            await Task.Delay(HintInterval, time);
        }

        _isHinting = false;
    }

    private async Task WakeForDeadlineAsync()
    {
        if (Activation.NextDeadlineNanos == long.MaxValue) return;
        long nanos = Activation.NextDeadlineNanos - services.NowNanos;
        TimeSpan due = TimeSpan.FromTicks(Math.Max(0, nanos / TimeSpan.NanosecondsPerTick));
        try
        {
            await this.RegisterOrUpdateReminder(
                DeadlineReminder, due < ReminderDueMax ? due : ReminderDueMax, ReminderPeriod);
        }
        catch (Exception fault)
        {
            // The scan of the store at the next start finds the deadline.
            Log.NotReminded(logger, Activation.Tenant, fault);
        }
    }

    /// <summary>Reminders count their delay in 32 bits of milliseconds; one that comes too early asks again.</summary>
    private static readonly TimeSpan ReminderDueMax = TimeSpan.FromDays(30);

    private static partial class Log
    {
        [LoggerMessage(3314, LogLevel.Warning,
            "Tenant {Tenant} did not finish in time; what waited there is not answered")]
        public static partial void NotStopped(ILogger logger, string tenant);

        [LoggerMessage(3312, LogLevel.Warning, "Tenant {Tenant} sleeps without a reminder of its next deadline")]
        public static partial void NotReminded(ILogger logger, string tenant, Exception fault);
    }
}
