using System.Text;
using AgentBudget.Rpc.Wire;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using RpcTest.V1;
using Status = Google.Rpc.Status;

namespace AgentBudget.Rpc.Tests.Wire;

public sealed class JsonMessagesTests
{
    private readonly JsonMessages _json = new([EchoReflection.Descriptor]);

    [Fact]
    public void The_details_of_a_status_within_a_message_have_the_field_names_of_today()
    {
        ErrorInfo info = new() { Reason = "KEY_REUSED", Domain = "test", Metadata = { ["left"] = "3" } };
        RetryInfo retry = new() { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(250)) };
        Status status = new() { Code = 6, Message = "No.", Details = { Any.Pack(info), Any.Pack(retry) } };

        string text = Encoding.UTF8.GetString(_json.Format(status));

        Assert.Equal(
            """
            { "code": 6, "message": "No.", "details": [
            { "@type": "type.googleapis.com/google.rpc.ErrorInfo",
             "reason": "KEY_REUSED", "domain": "test", "metadata": { "left": "3" } },
            { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.250s" } ] }
            """.ReplaceLineEndings("").Replace("[{", "[ {").Replace("},{", "}, {"),
            text);
        Assert.Equal(status, _json.Parse(text, Status.Descriptor));
    }

    [Fact]
    public void Messages_of_the_served_services_are_shown_within_a_status()
    {
        Status status = new() { Details = { Any.Pack(new EchoRequest { Text = "hello" }) } };

        string text = Encoding.UTF8.GetString(_json.Format(status));

        Assert.Contains("\"text\": \"hello\"", text, StringComparison.Ordinal);
        Assert.Equal(status, _json.Parse(text, Status.Descriptor));
    }
}
