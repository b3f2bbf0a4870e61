using AgentBudget.Ledger.Requests;
using AgentBudget.Notifications.Books;
using AgentBudget.Notifications.Notices;
using AgentBudget.Notifications.Tests.Support;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Secrets;
using Google.Protobuf.WellKnownTypes;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Notifications.Tests;

/// <summary>Endpoints, what is made for them, and what a restart leaves of it: everything.</summary>
public sealed class NotifierTests
{
    [Fact]
    public async Task Nothing_is_lost_or_renamed_over_restarts_while_a_receiver_fails()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        await desk.AddAsync(receiver.Url);
        receiver.AnswerWith(StatusCodes.Status500InternalServerError);
        HashSet<string> expected = [];
        for (int round = 0; round < 5; round++)
        {
            for (int agent = 0; agent < 10; agent++)
                expected.Add($"evt_acme_{desk.Ledger.Suspend($"agents/a{agent}").Sequence}_0");
            desk.Tell();
            await receiver.NextAsync();
            await desk.RestartAsync();
        }

        HashSet<string> told = [];
        receiver.Answer = (http, received) =>
        {
            lock (told) told.Add(received.Id);
            http.Response.StatusCode = StatusCodes.Status200OK;
            return Task.CompletedTask;
        };
        while (told.Count < expected.Count) await receiver.NextAsync(desk, TimeSpan.FromHours(1));

        Assert.Equal(expected.Order(), told.Order());
    }

    [Fact]
    public async Task A_budget_that_refuses_is_told_at_once_and_the_rest_of_a_quarter_of_an_hour_together()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        await desk.AddAsync(receiver.Url);
        LedgerEvent first = desk.Ledger.Refuse();
        for (int again = 0; again < 50; again++) desk.Ledger.Refuse();
        LedgerEvent last = desk.Ledger.Add(new LedgerEvent
        {
            Spender = new Spender { Session = "sessions/s1", UseCase = "useCases/promo" },
            RefusalsCoalesced = new RefusalsCoalesced { Reason = Reason.UseCaseBudget, Count = 1_000 },
        });
        desk.Tell();
        Received told = await receiver.NextAsync();
        await desk.UntilAsync(all => all is [{ State: DeliveryState.Delivered }], "the first");
        Assert.Equal($"evt_acme_{first.Sequence}_0", told.Id);
        Assert.Equal(1, receiver.Count);

        desk.Turn(RefusalWindows.Length);
        Received rest = await receiver.NextAsync();
        Assert.Equal($"evt_acme_{last.Sequence}_1", rest.Id);
        Assert.Contains("1050 calls were refused", System.Text.Encoding.UTF8.GetString(rest.Body));
    }

    [Fact]
    public async Task A_credential_is_told_of_seven_days_and_one_day_before_its_end()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        DateTimeOffset begun = desk.Time.GetUtcNow();
        desk.Ledger.Credentials.Add(new Credential
        {
            Credential_ = "credentials/c17",
            Principal = "agents/writer",
            ExpireTime = Timestamp.FromDateTimeOffset(desk.Time.GetUtcNow().AddDays(8)),
        });
        await desk.AddAsync(receiver.Url);
        desk.Tell();
        Assert.Equal("evt_acme_17_7", (await receiver.NextAsync(desk, EndpointFold.CredentialLook)).Id);
        await desk.UntilAsync(all => all is [{ State: DeliveryState.Delivered }], "the first");
        Assert.InRange(desk.Time.GetUtcNow() - begun, TimeSpan.FromHours(24), TimeSpan.FromHours(26));
        Assert.Equal("evt_acme_17_1", (await receiver.NextAsync(desk, TimeSpan.FromHours(12))).Id);
        Assert.InRange(desk.Time.GetUtcNow() - begun, TimeSpan.FromDays(7), TimeSpan.FromDays(7.6));
        await desk.UntilAsync(all => all.All(one => one.State == DeliveryState.Delivered), "both");
        await desk.RestartAsync();
        desk.Turn(EndpointFold.CredentialLook);
        desk.Ledger.Suspend("agents/writer");
        desk.Tell();
        Assert.StartsWith("evt_acme_2_", (await receiver.NextAsync()).Id, StringComparison.Ordinal);
        Assert.Equal(3, receiver.Count);
    }

    [Fact]
    public async Task An_endpoint_gets_what_its_filter_says_also_where_an_event_names_no_business_unit()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        await desk.AddAsync(
            receiver.Url,
            filter: new NoticeFilter { Kinds = { NoticeKind.AgentSuspended }, Grains = { "businessUnits/marketing" } });
        desk.Ledger.Suspend("agents/stranger");
        desk.Ledger.Refuse();
        LedgerEvent wanted = desk.Ledger.Suspend("agents/writer");
        desk.Tell();
        Assert.Equal($"evt_acme_{wanted.Sequence}_0", (await receiver.NextAsync()).Id);
        await desk.UntilAsync(all => all is [{ State: DeliveryState.Delivered }], "the one");
        Assert.Equal(1, receiver.Count);
    }

    [Fact]
    public async Task A_secret_is_changed_once_for_a_request_and_the_former_one_signs_for_a_day()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        long endpoint = await desk.AddAsync(receiver.Url);
        NotificationsChanged rotated = new() { Change = NotificationChange.SecretRotated, Reason = "yearly" };
        long act = desk.Ledger.Add(new LedgerEvent { NotificationsChanged = rotated }).Sequence;
        Assert.Equal(NotifierOutcome.Done, (await desk.ActAsync(endpoint, rotated, act)).Outcome);
        Assert.Equal(NotifierOutcome.Repeated, (await desk.ActAsync(endpoint, rotated, act)).Outcome);
        NotifierReply tried = await desk.ActAsync(
            endpoint, new NotificationsChanged { Change = NotificationChange.Tested });
        Received both = await receiver.NextAsync();
        Assert.Equal(tried.Delivery, both.Id);
        Assert.Equal(2, both.Headers["webhook-signature"].Split(' ').Length);
        await desk.UntilAsync(all => all is [{ State: DeliveryState.Delivered }], "the test");
        desk.Turn(Notifier.FormerSecretTime);
        desk.Ledger.Suspend("agents/writer");
        desk.Tell();
        Assert.Single((await receiver.NextAsync()).Headers["webhook-signature"].Split(' '));
    }

    [Fact]
    public async Task An_endpoint_that_was_removed_gets_nothing_and_its_secret_is_gone_from_its_record()
    {
        InMemorySecrets store = new(new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new(store: store);
        long endpoint = await desk.AddAsync(receiver.Url);
        SealedSecret before = (await store.ReadAsync("notices/acme/0", default))!;
        NotificationsChanged deleted = new() { Change = NotificationChange.Deleted, Reason = "unused" };
        long act = desk.Ledger.Add(new LedgerEvent { NotificationsChanged = deleted }).Sequence;
        Assert.Equal(NotifierOutcome.Done, (await desk.ActAsync(endpoint, deleted, act)).Outcome);
        Assert.Equal(NotifierOutcome.Repeated, (await desk.ActAsync(endpoint, deleted, act)).Outcome);
        Assert.Equal(NotifierOutcome.NotFound, (await desk.ActAsync(endpoint, deleted)).Outcome);
        SealedSecret after = (await store.ReadAsync("notices/acme/0", default))!;
        Assert.True(after.Bytes.Length < before.Bytes.Length / 2, "what was written is still there");
        desk.Ledger.Suspend("agents/writer");
        desk.Tell();
        await desk.RestartAsync();
        Assert.False(desk.Notifier.HasEndpoints);
        Assert.Equal(0, receiver.Count);
    }

    [Fact]
    public async Task There_are_sixteen_endpoints_at_most_and_a_repeated_request_makes_none()
    {
        await using Desk desk = new();
        for (int made = 0; made < BookRules.EndpointsMax; made++)
            await desk.AddAsync("http://127.0.0.1:9/x", requestId: $"r{made}");
        Assert.Equal(NotifierOutcome.Full, await FindAsync(desk, "another"));
        Assert.Equal(NotifierOutcome.Done, await FindAsync(desk, "r3"));
        NotifierReply again = await desk.Notifier.AskAsync(
            new NotifierRequest { Create = new EndpointBook { Number = 1, Url = "http://127.0.0.1:9/x" } }, default);
        Assert.Equal(NotifierOutcome.Repeated, again.Outcome);
    }

    [Fact]
    public async Task A_ledger_that_was_restored_to_an_earlier_time_is_told_from_there_on()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        await desk.AddAsync(receiver.Url);
        for (int agent = 0; agent < 5; agent++) desk.Ledger.Suspend("agents/writer");
        desk.Tell();
        await receiver.NextAsync(5);
        await desk.UntilAsync(all => all.Count(one => one.State == DeliveryState.Delivered) == 5, "the five");
        desk.Ledger.Restore(2);
        await desk.Notifier.LookAsync(default);
        desk.Ledger.Suspend("agents/other");
        await desk.Notifier.LookAsync(default);
        Assert.Equal("evt_acme_3_0", (await receiver.NextAsync()).Id);
    }

    [Fact]
    public async Task What_was_delivered_is_sent_again_on_request_as_its_event_says_it()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        long endpoint = await desk.AddAsync(receiver.Url);
        desk.Ledger.Suspend("agents/writer");
        desk.Tell();
        Received first = await receiver.NextAsync();
        await desk.UntilAsync(all => all is [{ State: DeliveryState.Delivered }], "the delivery");
        NotifierReply replayed = await desk.ActAsync(
            endpoint, new NotificationsChanged { Change = NotificationChange.Replayed, Delivery = first.Id });
        Assert.Equal((NotifierOutcome.Done, 1), (replayed.Outcome, replayed.Replayed));
        Assert.Equal(first.Body, (await receiver.NextAsync()).Body);
        NotifierReply unknown = await desk.ActAsync(
            endpoint, new NotificationsChanged { Change = NotificationChange.Replayed, Delivery = "evt_acme_99_0" });
        Assert.Equal(NotifierOutcome.NotFound, unknown.Outcome);
    }

    [Fact]
    public async Task A_store_that_fails_stops_nothing_for_good_and_is_an_answer()
    {
        FailingSecrets store = new();
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new(store: store);
        await desk.AddAsync(receiver.Url);
        store.Fails = true;
        desk.Ledger.Suspend("agents/writer");
        desk.Tell();
        NotifierReply refused = await desk.Notifier.AskAsync(
            new NotifierRequest { Create = new EndpointBook { Number = 99, Url = "http://127.0.0.1:9/x" } }, default);
        Assert.Equal(NotifierOutcome.NotReady, refused.Outcome);
        store.Fails = false;
        while (receiver.Count == 0)
        {
            desk.Turn(TimeSpan.FromSeconds(5));
            await Task.Yield();
        }

        Assert.Equal("evt_acme_2_0", (await receiver.NextAsync()).Id);
    }

    [Fact]
    public async Task Of_two_notifiers_of_one_tenant_one_writes_and_both_names_are_the_same()
    {
        InMemorySecrets store = new(new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk one = new(store: store);
        await one.AddAsync(receiver.Url);
        await using Desk other = new(store: store);
        other.Ledger.Add(new LedgerEvent { NotificationsChanged = new NotificationsChanged() });
        await other.Notifier.LookAsync(default);
        one.Ledger.Suspend("agents/writer");
        other.Ledger.Suspend("agents/writer");
        one.Tell();
        other.Tell();
        Assert.Equal("evt_acme_2_0", (await receiver.NextAsync()).Id);
        one.Turn(TimeSpan.FromMinutes(1));
        other.Turn(TimeSpan.FromMinutes(1));
        await one.RestartAsync();
        // Who could not write looks again a while later.
        await one.UntilAsync(
            all => all is [{ State: DeliveryState.Delivered }], "one that wrote", TimeSpan.FromSeconds(6));
    }

    private static async Task<NotifierOutcome> FindAsync(Desk desk, string requestId) =>
        (await desk.Notifier.AskAsync(
            new NotifierRequest
            {
                Find = new RemovedEndpoint { RequestId = requestId, Principal = Principals.OfActor("admin") },
            },
            default)).Outcome;

    private sealed class FailingSecrets : ISharedSecrets
    {
        private readonly InMemorySecrets _store = new(new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));

        public bool Fails { get; set; }

        public Guid StoreId => _store.StoreId;

        public ValueTask<SealedSecret?> ReadAsync(string name, CancellationToken cancellationToken) =>
            Fails ? throw new StoreException("not now") : _store.ReadAsync(name, cancellationToken);

        public ValueTask<bool> TryWriteAsync(
            string name, long version, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
            Fails ? throw new StoreException("not now") : _store.TryWriteAsync(name, version, bytes, cancellationToken);
    }
}
