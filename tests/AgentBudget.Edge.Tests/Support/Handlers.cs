using EdgeTest.V1;
using Grpc.Core;

namespace AgentBudget.Edge.Tests.Support;

/// <summary>What a test wants the server to answer.</summary>
internal sealed class EchoHandlers(EdgeServerSetup setup) : EchoService.EchoServiceBase
{
    private const int RepeatsMax = 10; // A spoilt request may ask for billions.

    public override Task<EchoResponse> Echo(EchoRequest request, ServerCallContext context) =>
        setup.Echo(request, context);

    public override async Task Repeat(
        EchoRequest request, IServerStreamWriter<EchoResponse> responseStream, ServerCallContext context)
    {
        for (int i = 1; i <= Math.Min(request.Count, RepeatsMax); i++)
            await responseStream.WriteAsync(new EchoResponse { Text = request.Text, Number = i });
    }

    public override Task<EchoResponse> Draw(Shapes request, ServerCallContext context)
    {
        setup.Draw(request);
        return Task.FromResult(new EchoResponse());
    }
}

/// <summary>Streams: one counts what it takes, one sends it back.</summary>
internal sealed class TalkHandlers : TalkService.TalkServiceBase
{
    public override async Task<EchoResponse> Collect(
        IAsyncStreamReader<EchoRequest> requestStream, ServerCallContext context)
    {
        EchoResponse response = new();
        while (await requestStream.MoveNext())
            response.Number++;
        return response;
    }

    public override async Task Talk(
        IAsyncStreamReader<EchoRequest> requestStream,
        IServerStreamWriter<EchoResponse> responseStream,
        ServerCallContext context)
    {
        while (await requestStream.MoveNext())
            await responseStream.WriteAsync(new EchoResponse { Text = requestStream.Current.Text });
    }
}
