using System.Net;

namespace AgentBudget.Client;

/// <summary>
/// The body of a streamed answer, which the caller reads as it comes. Its hold is settled before the caller learns of
/// its end, or when the caller stops reading.
/// </summary>
internal sealed class SettlingContent : HttpContent
{
    private readonly HttpContent _inner;
    private readonly UsageReport _usage;
    private readonly BudgetScope _scope;
    private SettlingStream? _stream;

    public SettlingContent(HttpContent inner, UsageReport usage, BudgetScope scope)
    {
        _inner = inner;
        _usage = usage;
        _scope = scope;
        foreach ((string name, IEnumerable<string> values) in inner.Headers)
            Headers.TryAddWithoutValidation(name, values);
    }

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await using Stream source = await OpenAsync(CancellationToken.None);
        await source.CopyToAsync(stream);
    }

    protected override async Task<Stream> CreateContentReadStreamAsync() => await OpenAsync(CancellationToken.None);

    protected override async Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken) =>
        await OpenAsync(cancellationToken);

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            // Nobody can wait for a disposal; the settlement is retried and logged by the scope.
            if (_stream is null) _ = SettlingStream.SettleAsync(_usage, _scope);
            else _stream.Dispose();
            _inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private async Task<Stream> OpenAsync(CancellationToken cancellation) =>
        _stream = new SettlingStream(await _inner.ReadAsStreamAsync(cancellation), _usage, _scope);
}
