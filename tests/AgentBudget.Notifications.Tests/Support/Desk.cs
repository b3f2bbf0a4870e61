using System.Text;
using AgentBudget.Identity;
using AgentBudget.Notifications.Books;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Secrets;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Notifications.Tests.Support;

/// <summary>One tenant's notifier over a ledger in memory, on a clock that a test turns.</summary>
internal sealed class Desk : IAsyncDisposable
{
    public static readonly byte[] Secret = [.. Enumerable.Range(0, 32).Select(number => (byte)number)];

    private readonly string _keyFile = Path.GetTempFileName();
    private readonly ClusterKey _key;
    private readonly NotificationOptions _options;
    private NotifierServices _services;
    private int _requests;

    public Desk(bool allowPrivate = true, ISharedSecrets? store = null)
    {
        Time = new FakeTimeProvider(DateTimeOffset.FromUnixTimeSeconds(1_795_000_000)) { AutoAdvanceAmount = default };
        Ledger = new TestLedger(Time);
        Store = store ?? new InMemorySecrets(new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
        File.WriteAllText(_keyFile, new string('k', ClusterKey.BytesMin));
        _key = ClusterKey.Load(_keyFile);
        _options = new NotificationOptions(allowPrivate, null);
        _services = NewServices();
        Notifier = new Notifier(_services, Ledger);
    }

    public FakeTimeProvider Time { get; }

    public TestLedger Ledger { get; }

    public ISharedSecrets Store { get; }

    public Notifier Notifier { get; private set; }

    /// <summary>Makes an endpoint, as the ledger says first.</summary>
    public async Task<long> AddAsync(
        string url, EndpointKind kind = EndpointKind.Webhook, NoticeFilter? filter = null, string? requestId = null)
    {
        LedgerEvent made = Ledger.Add(new LedgerEvent { NotificationsChanged = new NotificationsChanged() });
        NotifierReply reply = await Notifier.AskAsync(
            new NotifierRequest
            {
                Create = new EndpointBook
                {
                    Number = made.Sequence,
                    Kind = kind,
                    Url = url,
                    Secret = ByteString.CopyFrom(Secret),
                    Filter = filter,
                    CreatedBy = "admin",
                    CreateRequestId = requestId ?? $"c{++_requests}",
                },
            },
            default);
        Assert.Equal(NotifierOutcome.Done, reply.Outcome);
        return made.Sequence;
    }

    /// <summary>Does something to an endpoint.</summary>
    public Task<NotifierReply> ActAsync(long endpoint, NotificationsChanged changed, long? sequence = null)
    {
        long act = sequence
            ?? Ledger.Add(new LedgerEvent { NotificationsChanged = new NotificationsChanged() }).Sequence;
        return Notifier.AskAsync(
            new NotifierRequest
            {
                Act = new EndpointAct
                {
                    Number = endpoint,
                    Sequence = act,
                    Changed = changed,
                    Secret = ByteString.CopyFrom([.. Secret.Reverse()]),
                    Removed = new RemovedEndpoint { Number = endpoint, RequestId = $"a{act}", Principal = "admin" },
                },
            },
            default);
    }

    /// <summary>Tells the notifier how far the ledger has grown.</summary>
    public void Tell() => Notifier.Grown(Ledger.Head);

    /// <summary>Turns the clock, and has the notifier look at it: it may have been about to wait by the time before.
    /// </summary>
    public void Turn(TimeSpan by) => TurnTo(Time.GetUtcNow() + by);

    /// <summary>The same to a time.</summary>
    public void TurnTo(DateTimeOffset time)
    {
        Time.SetUtcNow(time);
        Tell();
    }

    public async Task<NotificationEndpoint> EndpointAsync() =>
        (await Notifier.AskAsync(new NotifierRequest { List = true }, default)).Endpoints[0];

    public async Task<IReadOnlyList<Delivery>> DeliveriesAsync(DeliveryState state = default) =>
        (await Notifier.AskAsync(
            new NotifierRequest { Deliveries = new ListDeliveriesRequest { State = state } }, default))
        .Deliveries.Deliveries;

    /// <summary>Waits until something holds of what is told now; a step turns the clock meanwhile.</summary>
    public async Task<IReadOnlyList<Delivery>> UntilAsync(
        Func<IReadOnlyList<Delivery>, bool> holds, string what, TimeSpan step = default)
    {
        using CancellationTokenSource patience = new(Receiver.Patience);
        while (true)
        {
            IReadOnlyList<Delivery> now = await DeliveriesAsync();
            if (holds(now)) return now;
            if (patience.IsCancellationRequested)
            {
                StringBuilder seen = new();
                foreach (Delivery delivery in now) seen.AppendLine(delivery.ToString());
                Assert.Fail($"{what} did not come about; there is {seen}");
            }

            if (step == default)
            {
                await Task.Yield();
                continue;
            }

            await Task.Delay(Receiver.Quiet);
            Turn(step);
        }
    }

    /// <summary>Ends the notifier with all it has in memory, and begins one from what is written.</summary>
    public async Task RestartAsync()
    {
        await Notifier.DisposeAsync();
        _services.Dispose();
        _services = NewServices();
        Notifier = new Notifier(_services, Ledger);
        await Notifier.LookAsync(default);
    }

    public async ValueTask DisposeAsync()
    {
        await Notifier.DisposeAsync();
        _services.Dispose();
        _key.Dispose();
        File.Delete(_keyFile);
    }

    private NotifierServices NewServices() =>
        new(new EndpointBooks(new SharedKeys(Store, _key)), _options, Time, NullLoggerFactory.Instance);
}
