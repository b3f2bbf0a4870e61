using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Feeds;
using AgentBudget.Grains.Placement;
using AgentBudget.Notifications;
using AgentBudget.Protocol.Notifier.V1;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Streams;
using Orleans.Streams.Core;

namespace AgentBudget.Grains.Notices;

/// <summary>
/// See <see cref="INotifierGrain"/>. While there is anybody to tell it stays, and a reminder brings it back where its
/// silo died. Everything interleaves: the notifier orders what is asked, and nobody waits for a receiver.
/// </summary>
[TenantPlacement]
[Reentrant]
[ImplicitStreamSubscription(LedgerHint.StreamNamespace)]
internal sealed partial class NotifierGrain(
    NotifierServices services, LedgerPages pages, ITenantHost host, ILogger<NotifierGrain> logger)
    : Grain, INotifierGrain, IRemindable, IStreamSubscriptionObserver, IAsyncObserver<LedgerHint>, IAsyncDisposable
{
    /// <summary>What a lost hint costs at most.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);

    /// <summary>How long notices rest where a silo died and no other call brings their tenant to another one.</summary>
    private static readonly TimeSpan ReminderPeriod = TimeSpan.FromMinutes(5);

    private const string Reminder = "notices";

    private Notifier? _notifier;
    private IGrainTimer? _look;
    private bool _isReminded;

    private string Tenant => this.GetPrimaryKeyString();

    private Notifier Notifier => _notifier!;

    /// <inheritdoc/>
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _notifier = new Notifier(services, new GrainLedgerSource(Tenant, pages, host));
        await LookAsync(cancellationToken);
    }

    /// <summary>Ends with the activation: what was written is what the next one goes on from.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_notifier is not null) await _notifier.DisposeAsync();
    }

    /// <inheritdoc/>
    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) =>
        handleFactory.Create<LedgerHint>().ResumeAsync(this);

    /// <inheritdoc/>
    public Task OnNextAsync(LedgerHint item, StreamSequenceToken? token = null)
    {
        Notifier.Grown(item.DurableSequence);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task OnErrorAsync(Exception ex) => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task<NotifierReply> Ask(NotifierRequest request)
    {
        NotifierReply reply = await Notifier.AskAsync(request, CancellationToken.None);
        await KeepAsync();
        return reply;
    }

    /// <inheritdoc/>
    public Task Wake() => Task.CompletedTask; // Its activation is what sets it to work.

    /// <inheritdoc/>
    public Task ReceiveReminder(string reminderName, TickStatus status) => LookAsync(CancellationToken.None);

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Notifier.LookAsync(cancellationToken);
            await KeepAsync();
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested)
        {
            Log.NotLooked(logger, Tenant, fault);
            Stay();
        }
    }

    // With nobody to tell it leaves when nobody asks, and no reminder brings it back.
    private async Task KeepAsync()
    {
        if (Notifier.HasEndpoints)
        {
            Stay();
            if (!_isReminded) await this.RegisterOrUpdateReminder(Reminder, ReminderPeriod, ReminderPeriod);
            _isReminded = true;
            return;
        }

        _look?.Dispose();
        _look = null;
        if (await this.GetReminder(Reminder) is { } reminder) await this.UnregisterReminder(reminder);
        _isReminded = false;
    }

    private void Stay() => _look ??= this.RegisterGrainTimer(
        LookAsync, new GrainTimerCreationOptions(LookInterval, LookInterval) { KeepAlive = true, Interleave = true });

    private static partial class Log
    {
        [LoggerMessage(3351, LogLevel.Warning, "The notices of {Tenant} fell behind and are tried again")]
        public static partial void NotLooked(ILogger logger, string tenant, Exception fault);
    }
}
