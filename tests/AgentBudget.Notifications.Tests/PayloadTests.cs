using System.Text.Json.Nodes;
using AgentBudget.Notifications.Notices;
using AgentBudget.Notifications.Sending;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using MimeKit;

namespace AgentBudget.Notifications.Tests;

/// <summary>What receivers of each kind are sent.</summary>
public sealed class PayloadTests
{
    private const string Hostile = "<https://evil.test|Approve> & <!channel> [x](https://evil.test) \\ \"quoted\" _*`";

    private static readonly Notice Suspended = new()
    {
        Id = "evt_acme_482113_0",
        Kind = NoticeKind.AgentSuspended,
        Subject = "agents/writer",
        Agent = "agents/writer",
        Time = Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeSeconds(1_795_000_000)),
        Sequence = 482_113,
        Reason = Hostile,
        Text = $"agents/writer was suspended: {Hostile}.",
    };

    [Fact]
    public void A_webhook_is_sent_a_cloud_event()
    {
        JsonNode told = JsonNode.Parse(Payloads.CloudEvent("acme", Suspended))!;
        Assert.Equal("1.0", (string)told["specversion"]!);
        Assert.Equal("evt_acme_482113_0", (string)told["id"]!);
        Assert.Equal("urn:agentbudget:acme", (string)told["source"]!);
        Assert.Equal("dev.agentbudget.agent.suspended", (string)told["type"]!);
        Assert.Equal("agents/writer", (string)told["subject"]!);
        Assert.Equal("2026-11-18T11:06:40Z", (string)told["time"]!);
        Assert.Equal("00000000000000482113", (string)told["sequence"]!);
        Assert.Equal("application/json", (string)told["datacontenttype"]!);
        Assert.Equal("NOTICE_KIND_AGENT_SUSPENDED", (string)told["data"]!["kind"]!);
        Assert.Equal(Hostile, (string)told["data"]!["reason"]!);
        Assert.All(told.AsObject(), member => Assert.Matches("^[a-z0-9]+$", member.Key));
    }

    [Fact]
    public void Every_kind_has_the_type_that_the_contract_says()
    {
        string proto = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "notifications.proto"));
        foreach (NoticeKind kind in System.Enum.GetValues<NoticeKind>().Where(kind => kind != NoticeKind.Unspecified))
            Assert.Contains($"// \"dev.agentbudget.{NoticeText.TypeOf(kind)}\"", proto, StringComparison.Ordinal);
    }

    [Fact]
    public void Slack_is_sent_text_in_which_nothing_that_somebody_named_is_a_link_or_a_mention()
    {
        JsonObject told = JsonNode.Parse(Payloads.Slack("acme", Suspended))!.AsObject();
        string text = (string)Assert.Single(told).Value!;
        Assert.DoesNotContain('<', text);
        Assert.DoesNotContain('>', text);
        Assert.Contains("&lt;https://evil.test|Approve&gt; &amp; &lt;!channel&gt;", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Teams_is_sent_one_card_whose_texts_no_markdown_is_read_in()
    {
        JsonNode told = JsonNode.Parse(Payloads.Teams("acme", Suspended))!;
        JsonNode attachment = Assert.Single(told["attachments"]!.AsArray())!;
        JsonArray body = attachment["content"]!["body"]!.AsArray();
        Assert.Equal("message", (string)told["type"]!);
        Assert.Equal("application/vnd.microsoft.card.adaptive", (string)attachment["contentType"]!);
        Assert.All(body, block => Assert.Equal("RichTextBlock", (string)block!["type"]!));
        Assert.All(body, block => Assert.All(
            block!["inlines"]!.AsArray(), run => Assert.Equal("TextRun", (string)run!["type"]!)));
        Assert.Equal(Suspended.Text, (string)body[1]!["inlines"]![0]!["text"]!);
    }

    [Fact]
    public void Mail_has_the_notices_id_and_no_header_of_anybody_else()
    {
        Notice notice = Suspended.Clone();
        notice.Text = "agents/writer was suspended: x\r\nBcc: all@evil.test";
        EndpointBook endpoint = new() { Recipients = { "finance@acme.test" } };
        MimeMessage sent = MailSender.MessageOf(
            new MailOptions("127.0.0.1", 25, "budget@acme.test"), "acme", endpoint, notice);
        using MemoryStream bytes = new();
        sent.WriteTo(bytes);
        bytes.Position = 0;
        MimeMessage read = MimeMessage.Load(bytes);
        Assert.Empty(read.Bcc);
        Assert.Equal("finance@acme.test", Assert.Single(read.To.Mailboxes).Address);
        Assert.Equal("evt_acme_482113_0@agentbudget.invalid", read.MessageId);
        Assert.Equal("auto-generated", read.Headers["Auto-Submitted"]);
    }
}
