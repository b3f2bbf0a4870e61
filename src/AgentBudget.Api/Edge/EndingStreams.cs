using Grpc.Core;
using Grpc.Core.Interceptors;

namespace AgentBudget.Api.Edge;

/// <summary>Ends streams of services that others wrote as ours end: with the server, and with their caller.</summary>
internal sealed class EndingStreams(Calls calls) : Interceptor
{
    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation) =>
        calls.RunAsync(
            call => continuation(new Reader<TRequest>(requestStream, call.Cancellation), responseStream, context),
            context);

    private sealed class Reader<T>(IAsyncStreamReader<T> inner, CancellationToken ending) : IAsyncStreamReader<T>
    {
        public T Current => inner.Current;

        public Task<bool> MoveNext(CancellationToken cancellationToken) => inner.MoveNext(ending);
    }
}
