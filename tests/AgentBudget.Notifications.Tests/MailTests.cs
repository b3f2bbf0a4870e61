using AgentBudget.Notifications.Sending;
using AgentBudget.Notifications.Tests.Support;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Notifications.Tests;

/// <summary>Notices as mail, over a server that a test is.</summary>
public sealed class MailTests
{
    private static readonly EndpointBook Endpoint = new()
    {
        Kind = EndpointKind.Email,
        Recipients = { "finance@acme.test", "kim@acme.test" },
    };

    private static readonly Notice Told = new()
    {
        Id = "evt_acme_7_0",
        Kind = NoticeKind.AgentSuspended,
        Subject = "agents/writer",
        Text = "agents/writer was suspended: odd.",
        Time = new Timestamp { Seconds = 1_795_000_000 },
    };

    [Fact]
    public async Task Mail_reaches_every_recipient_with_the_sentence_and_the_notices_id()
    {
        using MailServer server = new();
        SendResult result = await SenderTo(server).SendAsync("acme", Endpoint, Told, default);
        (List<string> recipients, string text) = await server.Message.WaitAsync(Receiver.Patience);
        Assert.Equal((true, ""), (result.IsTaken, result.Error));
        Assert.Equal(Endpoint.Recipients, recipients);
        Assert.Contains(
            "Subject: AgentBudget, acme: agents/writer was suspended: odd.", text, StringComparison.Ordinal);
        Assert.Contains("<evt_acme_7_0@agentbudget.invalid>", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mail_that_is_refused_or_has_no_server_is_a_failure_that_says_so()
    {
        using MailServer server = new("550 nobody of that name");
        SendResult refused = await SenderTo(server).SendAsync("acme", Endpoint, Told, default);
        SendResult without = await new MailSender(null, TimeProvider.System).SendAsync("acme", Endpoint, Told, default);
        Assert.Equal((false, 550, "answered 550"), (refused.IsTaken, refused.Status, refused.Error));
        Assert.Contains("notifications:smtp", without.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mail_does_not_go_in_cleartext_unless_that_is_allowed()
    {
        using MailServer server = new();
        MailOptions options = new("127.0.0.1", server.Port, "budget@acme.test");
        SendResult result = await new MailSender(options, TimeProvider.System)
            .SendAsync("acme", Endpoint, Told, default);
        Assert.Equal((false, "TLS with the mail server failed"), (result.IsTaken, result.Error));
    }

    private static MailSender SenderTo(MailServer server) => new(
        new MailOptions("127.0.0.1", server.Port, "budget@acme.test") { AllowCleartext = true }, TimeProvider.System);
}
