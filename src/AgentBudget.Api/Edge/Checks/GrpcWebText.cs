using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AgentBudget.Api.Edge.Checks;

/// <summary>
/// Stands in front of the text form of gRPC-Web. Its decoder leaves a read behind when what it reads is no base64, and
/// the server, which reads the rest of such a request, would report that as its own error and close the connection.
/// </summary>
internal sealed class GrpcWebText(RequestDelegate next)
{
    private const string TextContentType = "application/grpc-web-text";

    /// <summary>Serves one request.</summary>
    public Task InvokeAsync(HttpContext context) =>
        context.Request.ContentType?.StartsWith(TextContentType, StringComparison.OrdinalIgnoreCase) == true
            ? ServeAsync(context)
            : next(context);

    private async Task ServeAsync(HttpContext context)
    {
        Text text = new(context.Request.BodyReader);
        context.Features.Set<IRequestBodyPipeFeature>(text);
        try
        {
            await next(context);
        }
        finally
        {
            text.EndRead();
        }
    }

    private sealed class Text(PipeReader input) : PipeReader, IRequestBodyPipeFeature
    {
        private SequencePosition _end;
        private bool _isReading;

        public PipeReader Reader => this;

        public override bool TryRead(out ReadResult result)
        {
            if (!input.TryRead(out result))
                return false;
            Begin(result);
            return true;
        }

        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
            Begin(await input.ReadAsync(cancellationToken));

        public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
        {
            _isReading = false;
            input.AdvanceTo(consumed, examined);
        }

        public override void CancelPendingRead() => input.CancelPendingRead();

        public override void Complete(Exception? exception = null) => input.Complete(exception);

        internal void EndRead()
        {
            if (_isReading)
                AdvanceTo(_end);
        }

        private ReadResult Begin(in ReadResult result)
        {
            _isReading = true;
            _end = result.Buffer.End;
            return result;
        }
    }
}
