using System.Net;

namespace AgentBudget.Edge.Tests.Support;

/// <summary>A request body that the test writes piece by piece; headers leave at once.</summary>
internal sealed class HeldContent : HttpContent
{
    private readonly TaskCompletionSource<Stream> _stream = Waiting.NewSignal<Stream>();
    private readonly TaskCompletionSource _end = Waiting.NewSignal();

    internal async Task WriteAsync(params byte[] bytes)
    {
        Stream stream = await _stream.Task.Within("the start of the request");
        await stream.WriteAsync(bytes);
        await stream.FlushAsync();
    }

    internal void End() => _end.TrySetResult();

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await stream.FlushAsync();
        _stream.SetResult(stream);
        await _end.Task;
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
