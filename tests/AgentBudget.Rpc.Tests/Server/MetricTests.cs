using System.Diagnostics.Metrics;
using System.Text;
using AgentBudget.Rpc.Tests.Support;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Server;

/// <summary>Each call is counted once, with how it ended, whatever its protocol and kind.</summary>
public sealed class MetricTests
{
    [Fact]
    public async Task A_call_of_each_kind_counts_once()
    {
        await using TestServer server = await TestServer.StartAsync();
        await server.EchoAsync("a");
        await server.EchoAsync("b");
        await foreach (EchoResponse _ in server.RepeatAsync(new EchoRequest { Count = 3 }))
        {
        }

        await server.CollectAsync(Letters("abc")).Within("the answer");
        RpcDuplexCall<EchoRequest, EchoResponse> talk = server.OpenTalk();
        await talk.WriteAsync(new EchoRequest());
        talk.CompleteRequests();
        while (await talk.ReadAsync() is not null)
        {
        }

        await talk.DisposeAsync();
        using HttpClient http = new();
        foreach (string type in (string[])["application/json", "application/grpc-web+proto"])
        {
            using ByteArrayContent content = new(
                type == "application/json" ? Encoding.UTF8.GetBytes("{}") : RawClient.Frame(new EchoRequest()));
            content.Headers.ContentType = new(type);
            using HttpResponseMessage answer =
                await http.PostAsync(new Uri(server.HttpAddress, RpcMethodPath("Echo")), content);
            Assert.True(answer.IsSuccessStatusCode);
        }

        Dictionary<string, long> counts = Read(server);
        Assert.Equal(4, counts[NameOf("Echo") + " ok"]);
        Assert.Equal(1, counts[NameOf("Repeat") + " ok"]);
        Assert.Equal(1, counts[NameOf("Collect") + " ok"]);
        Assert.Equal(1, counts[NameOf("Talk") + " ok"]);
        Assert.Equal(7, counts.Values.Sum());
    }

    [Fact]
    public async Task An_error_counts_with_its_status_and_an_unknown_method_under_no_name_of_its_callers()
    {
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Echo = (_, _) => throw new RpcException(RpcStatusCode.NotFound, "not there");
            setup.Repeat = async (_, responses, _) =>
            {
                await responses.WriteAsync(new EchoResponse());
                throw new RpcException(RpcStatusCode.OutOfRange, "no more");
            };
        });
        await server.EchoFailsAsync();
        await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await foreach (EchoResponse _ in server.RepeatAsync(new EchoRequest()))
            {
            }
        });
        using HttpClient http = new();
        using ByteArrayContent content = new([]);
        using HttpResponseMessage unknown =
            await http.PostAsync(new Uri(server.HttpAddress, RpcMethodPath("Nowhere")), content);

        Dictionary<string, long> counts = Read(server);
        Assert.Equal(1, counts[NameOf("Echo") + " not_found"]);
        Assert.Equal(1, counts[NameOf("Repeat") + " out_of_range"]);
        Assert.Equal(1, counts["unknown unimplemented"]);
        Assert.Equal(3, counts.Values.Sum());
    }

    [Fact]
    public void To_count_a_call_allocates_nothing()
    {
        Rpc.Server.CallCounts counts = new();
        counts.Add(RpcStatusCode.Ok);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int call = 0; call < 1000; call++)
            counts.Add(RpcStatusCode.Unauthenticated);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(1001, counts.Read("any").Sum(measurement => measurement.Value));
    }

    private static string NameOf(string method) => TestServer.Service.FindMethodByName(method) is { } found
        ? $"{found.Service.FullName}/{method}"
        : $"{TestServer.TalkService.FullName}/{method}";

    private static string RpcMethodPath(string method) => $"/{TestServer.Service.FullName}/{method}";

    private static async IAsyncEnumerable<EchoRequest> Letters(string letters)
    {
        await Task.CompletedTask;
        foreach (char letter in letters)
            yield return new EchoRequest { Text = letter.ToString() };
    }

    private static Dictionary<string, long> Read(TestServer server)
    {
        Dictionary<string, long> counts = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (ReferenceEquals(instrument.Meter, server.Rpc.Meter) && instrument.Name == "agentbudget.rpc.calls")
                self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>(
            (_, value, labels, _) => counts.Add($"{labels[0].Value} {labels[1].Value}", value));
        listener.Start();
        listener.RecordObservableInstruments();
        return counts;
    }
}
