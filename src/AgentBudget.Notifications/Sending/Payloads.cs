using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Notifications.Notices;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Notifications.Sending;

/// <summary>A notice as each kind of receiver takes it.</summary>
internal static class Payloads
{
    private const string TypePrefix = "dev.agentbudget.";
    private const string SequenceFormat = "D20"; // A 64-bit number, so that texts sort as numbers do.
    private const string Title = "AgentBudget";

    private static readonly JsonFormatter Data = new(JsonFormatter.Settings.Default);

    /// <summary>CloudEvents 1.0, structured, in JSON.</summary>
    public static byte[] CloudEvent(string tenant, Notice notice)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            json.WriteString("specversion", "1.0");
            json.WriteString("id", notice.Id);
            json.WriteString("source", $"urn:agentbudget:{tenant}");
            json.WriteString("type", TypePrefix + NoticeText.TypeOf(notice.Kind));
            json.WriteString("subject", notice.Subject);
            json.WriteString("time", notice.Time.ToDateTimeOffset().UtcDateTime);
            json.WriteString("sequence", notice.Sequence.ToString(SequenceFormat, CultureInfo.InvariantCulture));
            json.WriteString("datacontenttype", "application/json");
            json.WritePropertyName("data");
            json.WriteRawValue(Data.Format(notice));
            json.WriteEndObject();
        }

        return bytes.ToArray();
    }

    /// <summary>A message of Slack: in its text &amp;, &lt; and &gt; have a meaning that leads elsewhere.</summary>
    public static byte[] Slack(string tenant, Notice notice)
    {
        string text = $"{Title}, {tenant}: {notice.Text}"
            .Replace("&", "&amp;", StringComparison.Ordinal)
            .Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace(">", "&gt;", StringComparison.Ordinal);
        return JsonSerializer.SerializeToUtf8Bytes(new JsonObject { ["text"] = text });
    }

    /// <summary>
    /// A message of Teams with one adaptive card. Its texts are runs of a RichTextBlock, which reads no Markdown: what
    /// somebody named is shown as it is written.
    /// </summary>
    public static byte[] Teams(string tenant, Notice notice)
    {
        JsonObject card = new()
        {
            ["$schema"] = "http://adaptivecards.io/schemas/adaptive-card.json",
            ["type"] = "AdaptiveCard",
            ["version"] = "1.4",
            ["body"] = new JsonArray(Line($"{Title}, {tenant}", isTitle: true), Line(notice.Text, isTitle: false)),
        };
        JsonObject message = new()
        {
            ["type"] = "message",
            ["attachments"] = new JsonArray(new JsonObject
            {
                ["contentType"] = "application/vnd.microsoft.card.adaptive",
                ["content"] = card,
            }),
        };
        return JsonSerializer.SerializeToUtf8Bytes(message);
    }

    private static JsonObject Line(string text, bool isTitle) => new()
    {
        ["type"] = "RichTextBlock",
        ["inlines"] = new JsonArray(new JsonObject
        {
            ["type"] = "TextRun",
            ["text"] = text,
            ["weight"] = isTitle ? "Bolder" : "Default",
        }),
    };
}
