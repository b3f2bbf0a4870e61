using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Notifications.Sending;
using AgentBudget.Notifications.Tests.Support;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Notifications.Tests;

/// <summary>
/// Notices reach their receiver at least once, under an id that stays, in order per subject, whatever it does.
/// </summary>
public sealed class DeliveryTests
{
    [Fact]
    public async Task A_notice_is_signed_and_sent_once_to_a_receiver_that_takes_it()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        await desk.AddAsync(receiver.Url);
        LedgerEvent told = desk.Ledger.Suspend("agents/writer");
        desk.Tell();

        Received received = await receiver.NextAsync();
        await desk.UntilAsync(all => all is [{ State: DeliveryState.Delivered }], "the delivery");
        Assert.Equal($"evt_acme_{told.Sequence}_0", received.Id);
        Assert.Equal("1795000000", received.Headers["webhook-timestamp"]);
        Assert.Equal(
            Signature.Of([Desk.Secret], received.Id, 1_795_000_000, received.Body),
            received.Headers["webhook-signature"]);
        Assert.StartsWith("application/cloudevents+json", received.Headers["content-type"], StringComparison.Ordinal);
        Assert.Equal(received.Id, (string)JsonNode.Parse(received.Body)!["id"]!);
        Assert.Equal(1, receiver.Count);
    }

    [Fact]
    public async Task A_receiver_that_fails_is_tried_again_under_the_same_id_until_it_takes_the_notice()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        await desk.AddAsync(receiver.Url);
        receiver.AnswerWith(StatusCodes.Status500InternalServerError);
        desk.Ledger.Suspend("agents/writer");
        desk.Tell();

        List<string> ids = [];
        for (int attempt = 1; attempt < RetrySchedule.AttemptsMax; attempt++)
        {
            ids.Add((await receiver.NextAsync()).Id);
            IReadOnlyList<Delivery> waiting = await desk.UntilAsync(
                all => all is [{ State: DeliveryState.Waiting } one] && one.Attempts == attempt, $"attempt {attempt}");
            Assert.Equal((500, "answered 500"), (waiting[0].Status, waiting[0].Error));
            if (attempt == RetrySchedule.AttemptsMax - 1) receiver.AnswerWith(StatusCodes.Status200OK);
            desk.TurnTo(waiting[0].NextAttemptTime.ToDateTimeOffset());
        }

        ids.Add((await receiver.NextAsync()).Id);
        await desk.UntilAsync(all => all is [{ State: DeliveryState.Delivered }], "the delivery");
        Assert.Single(ids.Distinct());
    }

    [Fact]
    public async Task What_is_never_taken_is_a_dead_letter_after_ten_attempts_and_can_be_replayed()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        long endpoint = await desk.AddAsync(receiver.Url);
        receiver.AnswerWith(StatusCodes.Status400BadRequest);
        LedgerEvent first = desk.Ledger.Suspend("agents/writer");
        LedgerEvent second = desk.Ledger.Suspend("agents/writer", "odd again");
        desk.Tell();
        DateTimeOffset begun = desk.Time.GetUtcNow();
        for (int attempt = 1; attempt < RetrySchedule.AttemptsMax; attempt++)
        {
            int made = attempt;
            Delivery tried = (await desk.UntilAsync(
                all => all.Any(one => one.Attempts == made && one.State == DeliveryState.Waiting), $"attempt {made}"))
                .First(one => one.Attempts == made);
            desk.TurnTo(tried.NextAttemptTime.ToDateTimeOffset());
        }

        IReadOnlyList<Delivery> given = await desk.UntilAsync(
            all => all.Any(one => one.State == DeliveryState.Dead), "the end");
        Assert.Equal($"evt_acme_{first.Sequence}_0", given.Single(one => one.State == DeliveryState.Dead).Delivery_);
        // About three days, and no less than the sum of the waits.
        Assert.InRange((desk.Time.GetUtcNow() - begun).TotalHours, 75.5, 84);
        // The next of its subject goes on.
        await receiver.NextAsync(RetrySchedule.AttemptsMax + 1);
        receiver.AnswerWith(StatusCodes.Status204NoContent);
        NotifierReply replayed = await desk.ActAsync(
            endpoint, new NotificationsChanged { Change = NotificationChange.Replayed });
        Assert.Equal(1, replayed.Replayed);
        List<Received> taken = [];
        while (taken.Count < 2) taken.Add(await receiver.NextAsync(desk, TimeSpan.FromMinutes(1)));
        Assert.Equal(
            [$"evt_acme_{second.Sequence}_0", $"evt_acme_{first.Sequence}_0"], taken.Select(one => one.Id));
        await desk.UntilAsync(all => all.All(one => one.State == DeliveryState.Delivered), "the replay");
    }

    [Fact]
    public async Task A_receiver_that_hangs_is_left_after_twenty_seconds_and_tried_again()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        await desk.AddAsync(receiver.Url);
        TaskCompletionSource arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
        receiver.Answer = async (http, _) =>
        {
            arrived.TrySetResult();
            await Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        };
        desk.Ledger.Suspend("agents/writer");
        desk.Tell();
        await arrived.Task.WaitAsync(Receiver.Patience);
        receiver.AnswerWith(StatusCodes.Status202Accepted);
        desk.Turn(HttpSender.AttemptMax);

        IReadOnlyList<Delivery> waiting = await desk.UntilAsync(all => all is [{ Attempts: 1 }], "the timeout");
        Assert.Equal((0, "no answer within 20 s"), (waiting[0].Status, waiting[0].Error));
        desk.Turn(TimeSpan.FromSeconds(6));
        await desk.UntilAsync(all => all is [{ State: DeliveryState.Delivered, Attempts: 2 }], "the delivery");
    }

    [Fact]
    public async Task A_redirect_to_a_metadata_address_is_not_followed()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        await desk.AddAsync(receiver.Url);
        foreach (int status in (int[])[301, 302, 303, 307, 308])
        {
            receiver.AnswerWith(
                status, http => http.Response.Headers.Location = "http://169.254.169.254/latest/meta-data/");
            desk.Ledger.Suspend($"agents/a{status}");
            desk.Tell();
            IReadOnlyList<Delivery> all = await desk.UntilAsync(
                all => all.Any(one => one.Subject == $"agents/a{status}" && one.Attempts == 1), $"{status}");
            Delivery tried = all.Single(one => one.Subject == $"agents/a{status}");
            Assert.Equal((status, "redirects are not followed"), (tried.Status, tried.Error));
        }
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("localhost")]
    [InlineData("[::ffff:127.0.0.1]")]
    public async Task A_name_that_leads_to_an_address_that_is_not_public_is_not_connected_to(string host)
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new(allowPrivate: false);
        await desk.AddAsync(
            receiver.Url.Replace("http://127.0.0.1", $"https://{host}", StringComparison.Ordinal));
        desk.Ledger.Suspend("agents/writer");
        desk.Tell();

        IReadOnlyList<Delivery> waiting = await desk.UntilAsync(all => all is [{ Attempts: 1 }], "the attempt");
        Assert.Equal(0, receiver.Count);
        // What it leads to is not told.
        Assert.Equal("the name leads to an address that is not public", waiting[0].Error);
    }

    [Fact]
    public async Task An_endpoint_that_was_made_in_cleartext_is_not_sent_to_where_that_is_not_allowed_any_more()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new(allowPrivate: false);
        await desk.AddAsync(receiver.Url);
        desk.Ledger.Suspend("agents/writer");
        desk.Tell();
        IReadOnlyList<Delivery> waiting = await desk.UntilAsync(all => all is [{ Attempts: 1 }], "the attempt");
        Assert.Contains("not https", waiting[0].Error, StringComparison.Ordinal);
        Assert.Equal(0, receiver.Count);
    }

    [Fact]
    public async Task A_receiver_that_breaks_after_it_took_a_notice_hears_it_twice_under_one_id()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        await desk.AddAsync(receiver.Url);
        receiver.Answer = (http, _) =>
        {
            http.Abort();
            return Task.CompletedTask;
        };
        desk.Ledger.Suspend("agents/writer");
        desk.Tell();
        Received first = await receiver.NextAsync();
        await desk.UntilAsync(all => all is [{ Attempts: 1 }], "the broken attempt");
        receiver.AnswerWith(StatusCodes.Status200OK);
        desk.Turn(TimeSpan.FromSeconds(6));
        Received second = await receiver.NextAsync();
        Assert.Equal(first.Id, second.Id);
        Assert.Equal(first.Body, second.Body);
    }

    [Fact]
    public async Task A_receiver_that_is_gone_for_an_hour_gets_everything_in_order_per_subject()
    {
        const int events = 400; // More than wait in the outbox: the rest waits in the ledger.
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        await desk.AddAsync(receiver.Url);
        receiver.AnswerWith(StatusCodes.Status503ServiceUnavailable);
        for (int number = 0; number < events; number++)
            desk.Ledger.Suspend($"agents/a{number % 7}", $"{number} " + new string('r', 200));
        desk.Tell();
        await receiver.NextAsync();
        await desk.UntilAsync(all => all.Any(one => one.Attempts == 1), "the first attempt");
        Assert.True((await desk.EndpointAsync()).Position < events, "all of it waits in the outbox");
        HashSet<string> told = [];
        for (int minutes = 0; minutes < 60; minutes += 10) desk.Turn(TimeSpan.FromMinutes(10));
        receiver.Answer = (http, received) =>
        {
            lock (told) told.Add(received.Id);
            http.Response.StatusCode = StatusCodes.Status200OK;
            return Task.CompletedTask;
        };
        while (told.Count < events) await receiver.NextAsync(desk, TimeSpan.FromMinutes(30));
        await desk.UntilAsync(all => all.All(one => one.State == DeliveryState.Delivered), "the rest");
        Assert.Equal(events, told.Count);
    }

    [Fact]
    public async Task Of_one_subject_none_overtakes_another_and_other_subjects_go_on()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        await desk.AddAsync(receiver.Url);
        bool isMended = false;
        receiver.Answer = (http, received) =>
        {
            bool isStuck = Encoding.UTF8.GetString(received.Body).Contains("agents/stuck", StringComparison.Ordinal);
            http.Response.StatusCode = isStuck && !Volatile.Read(ref isMended) ? 500 : 200;
            return Task.CompletedTask;
        };
        List<string> stuck = [.. Enumerable.Range(0, 3).Select(_ => Id(desk.Ledger.Suspend("agents/stuck")))];
        List<string> other = [.. Enumerable.Range(0, 3).Select(_ => Id(desk.Ledger.Suspend("agents/other")))];
        desk.Tell();
        await desk.UntilAsync(
            all => all.Count(one => one.State == DeliveryState.Delivered) == 3
                && all.Count(one => one.Attempts == 1 && one.State == DeliveryState.Waiting) == 1,
            "the others");
        List<Received> before = await receiver.NextAsync(4);
        Assert.Equal(other, before.Select(one => one.Id).Where(other.Contains));
        Assert.Equal([stuck[0]], before.Select(one => one.Id).Where(stuck.Contains));
        Volatile.Write(ref isMended, true);
        desk.Turn(TimeSpan.FromSeconds(6));
        Assert.Equal(stuck, (await receiver.NextAsync(3)).Select(one => one.Id));
    }

    [Fact]
    public async Task A_slow_receiver_is_left_alone_for_as_long_as_it_asks()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        await desk.AddAsync(receiver.Url);
        receiver.AnswerWith(
            StatusCodes.Status429TooManyRequests, http => http.Response.Headers.RetryAfter = "600");
        desk.Ledger.Suspend("agents/writer");
        desk.Tell();
        await receiver.NextAsync();
        IReadOnlyList<Delivery> waiting = await desk.UntilAsync(all => all is [{ Attempts: 1 }], "the attempt");
        Assert.Equal(
            desk.Time.GetUtcNow().AddMinutes(10), waiting[0].NextAttemptTime.ToDateTimeOffset());
        desk.Ledger.Suspend("agents/other");
        desk.Tell();
        IReadOnlyList<Delivery> both = await desk.UntilAsync(all => all.Count == 2, "the other");
        Assert.Equal(0, both.Single(one => one.Subject == "agents/other").Attempts);
        receiver.AnswerWith(StatusCodes.Status200OK);
        desk.Turn(TimeSpan.FromMinutes(10));
        await desk.UntilAsync(all => all.All(one => one.State == DeliveryState.Delivered), "both");
    }

    [Fact]
    public async Task A_receiver_that_is_gone_for_good_is_switched_off_and_told_the_rest_once_it_is_on_again()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        long endpoint = await desk.AddAsync(receiver.Url);
        receiver.AnswerWith(StatusCodes.Status410Gone);
        desk.Ledger.Suspend("agents/writer");
        desk.Tell();
        await receiver.NextAsync();
        await desk.UntilAsync(all => all is [{ Attempts: 1 }], "the attempt");
        Assert.Contains("410", (await desk.EndpointAsync()).DisabledReason, StringComparison.Ordinal);
        desk.Ledger.Suspend("agents/other");
        desk.Tell();
        receiver.AnswerWith(StatusCodes.Status200OK);
        await desk.ActAsync(
            endpoint, new NotificationsChanged { Change = NotificationChange.Updated, Reason = "moved" });
        desk.Tell();
        Assert.Equal(2, (await receiver.NextAsync(2)).Select(one => one.Id).Distinct().Count());
        Assert.False((await desk.EndpointAsync()).Disabled);
    }

    [Fact]
    public async Task An_answer_without_end_is_not_read_to_its_end()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using Desk desk = new();
        await desk.AddAsync(receiver.Url);
        TaskCompletionSource left = new(TaskCreationOptions.RunContinuationsAsynchronously);
        receiver.Answer = async (http, _) =>
        {
            try
            {
                byte[] block = new byte[64 * 1024];
                while (true) await http.Response.Body.WriteAsync(block, http.RequestAborted);
            }
            catch (Exception)
            {
                left.TrySetResult();
            }
        };
        desk.Ledger.Suspend("agents/writer");
        desk.Tell();
        await desk.UntilAsync(all => all is [{ State: DeliveryState.Delivered }], "the delivery");
        await left.Task.WaitAsync(Receiver.Patience);
    }

    private static string Id(LedgerEvent told) => $"evt_acme_{told.Sequence}_0";
}
