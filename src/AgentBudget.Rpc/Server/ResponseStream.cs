using Google.Protobuf;

namespace AgentBudget.Rpc.Server;

/// <summary>What a handler writes its responses to.</summary>
internal sealed class ResponseStream<TResponse>(HttpCall call) : IRpcStreamWriter<TResponse>
    where TResponse : class, IMessage<TResponse>
{
    /// <inheritdoc/>
    public ValueTask StartAsync() => call.StartStreamAsync();

    /// <inheritdoc/>
    public ValueTask WriteAsync(TResponse message) => call.SendAsync(message);

    /// <inheritdoc/>
    public ValueTask WriteAllAsync(IReadOnlyList<TResponse> messages) => call.SendAllAsync(messages);
}
