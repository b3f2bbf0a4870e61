using System.IO.Pipelines;
using System.Runtime.ExceptionServices;
using AgentBudget.Rpc.Wire;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace AgentBudget.Rpc.Server;

internal sealed partial class HttpCall
{
    // A stream whose cancellation fired gets this long to end by itself; then it is reset. A reader that takes nothing
    // can keep it waiting in a write for ever.
    internal static readonly TimeSpan StreamEndGrace = TimeSpan.FromSeconds(5);

    // A group of messages is flushed as often as this fills: a full window of TLS records, and little to hold for a
    // reader who takes nothing.
    private const int UnflushedBytesMax = 64 * 1024;

    // How Kestrel says that a caller closed the connection before the end of what it announced.
    private const string UnexpectedEnd = "Unexpected end of request content.";

    private static readonly StringValues GrpcContentType = WireProtocols.GrpcContentType;
    private static readonly StringValues GrpcOk = "0";

    private bool _isStream;
    private bool _hasBodyStarted;
    private bool _takesGzip;
    private List<KeyValuePair<string, string>>? _handlerTrailers;

    /// <summary>Writes the only message and the good end of a unary call. Nothing is flushed here: Kestrel sends
    /// headers, message and trailers together when the call returns.</summary>
    internal void Respond(IMessage message)
    {
        if (_protocol == WireProtocol.Grpc)
        {
            _response.Headers.ContentType = GrpcContentType;
            int length = message.CalculateSize();
            if (length >= ResponseEncoding.CompressBytesMin && TakesGzip())
                WriteCompressed(message, length);
            else
                MessageFrame.Write(_responseBody.Writer, message, length);
            _hasBodyStarted = true;
            EndGrpc();
            CountEnd(RpcStatusCode.Ok);
            return;
        }

        if (WireProtocols.IsGrpcWeb(_protocol))
        {
            EndStream(message);
            return;
        }

        ConnectAnswer.WriteUnary(
            _response, _responseBody.Writer, _protocol, message, _handlerTrailers, _server.Json, TakesGzip());
        CountEnd(RpcStatusCode.Ok);
    }

    /// <summary>Sends the response headers of a stream. Starting alone would leave them waiting for the first flush.
    /// </summary>
    internal ValueTask StartStreamAsync()
    {
        ThrowIfCancelled();
        StartStream();
        return FlushAsync();
    }

    /// <summary>
    /// Sends a message of a stream. No token goes into the flush: one that fires while the reader's window is shut
    /// would make Kestrel reset the stream, and the status would be lost. It is looked at between writes instead.
    /// </summary>
    internal ValueTask SendAsync(IMessage message)
    {
        ThrowIfCancelled();
        WriteMessage(message);
        return FlushAsync();
    }

    /// <summary>Sends messages of a stream with one flush, or several where they are many bytes.</summary>
    internal async ValueTask SendAllAsync<T>(IReadOnlyList<T> messages)
        where T : IMessage
    {
        int unflushed = 0;
        for (int i = 0; i < messages.Count; i++)
        {
            ThrowIfCancelled();
            unflushed += WriteMessage(messages[i]);
            if (unflushed < UnflushedBytesMax)
                continue;
            await FlushAsync();
            unflushed = 0;
        }

        await FlushAsync();
    }

    /// <summary>Ends a stream whose handler returned: well, or with what cancelled it.</summary>
    /// <param name="last">The only response of a stream of requests, which leaves with the end; null when the handler
    /// wrote the responses itself.</param>
    internal void EndStream(IMessage? last)
    {
        if (CancellationError is RpcException error)
        {
            Answer(error);
            return;
        }

        if (last is null)
            StartStream();
        else
            WriteMessage(last);
        if (_protocol == WireProtocol.Grpc)
            EndGrpc();
        else if (WireProtocols.IsGrpcWeb(_protocol))
            GrpcWebAnswer.WriteEnd(_responseBody.Writer, _protocol, error: null, _handlerTrailers);
        else
            ConnectAnswer.WriteEndOfStream(_responseBody.Writer, error: null, _handlerTrailers, _server.Json);
        CountEnd(RpcStatusCode.Ok);
    }

    /// <summary>Ends the call with what its handling threw.</summary>
    internal void Fail(Exception failure)
    {
        // Its message is no longer waited for. A stream stays watched until its end has left.
        if (!_isStream)
            Unwatch();
        if (!_isMessageRead && failure is IOException or OperationCanceledException or ObjectDisposedException
            && failure is not BadHttpRequestException)
        {
            // The caller went away before its message was whole: nobody is there to be told.
            CountEnd(RpcStatusCode.Cancelled);
            Log.CallerLeft(_server.Logger, _method!.Path);
            _lifetime.Abort();
            return;
        }

        if (!_isMessageRead && failure is BadHttpRequestException { Message: UnexpectedEnd })
        {
            // The connection is closed and Kestrel stands in the middle of a read: only this exception ends both well.
            CountEnd(RpcStatusCode.Cancelled);
            Log.CallerLeft(_server.Logger, _method!.Path);
            ExceptionDispatchInfo.Throw(failure);
        }

        RpcException error = failure switch
        {
            RpcException known => known,
            OperationCanceledException when CancellationError is RpcException cause => cause,
            BadHttpRequestException bad when !_isMessageRead => MalformedBody(bad),
            _ => BugOf(failure),
        };
        AnswerLogged(error);
    }

    /// <summary>Answers a call that never came to its handler: by its headers, or by the guard.</summary>
    internal void Refuse(Exception failure) => AnswerLogged(failure as RpcException ?? BugOf(failure));

    /// <summary>Answers a call whose query is malformed.</summary>
    internal void RefuseQuery(RpcMethod method, RpcException error)
    {
        _method = method;
        _protocol = WireProtocol.ConnectUnaryJson;
        AnswerLogged(error);
    }

    /// <summary>Answers a call of a method that is not served.</summary>
    internal void AnswerUnknown(WireProtocol protocol, string path)
    {
        _protocol = protocol;
        Answer(Faults.MethodUnknown(path));
    }

    private void AnswerLogged(RpcException error)
    {
        Log.CallFailed(_server.Logger, _method!.Path, error.StatusCode);
        try
        {
            Answer(error);
        }
        catch (InvalidOperationException late)
        {
            // The headers have left in a state that has no room for an error: a reset is all that can still be said.
            Log.AnswerFailed(_server.Logger, late, _method.Path);
            _lifetime.Abort();
        }
    }

    // Before its answer leaves, so that whoever has heard it finds it counted.
    private void CountEnd(RpcStatusCode code) => (_method?.Answered ?? _server.AnsweredUnknown).Add(code);

    /// <summary>Writes an error as the protocol has it, before or after messages.</summary>
    private void Answer(RpcException error)
    {
        CountEnd(error.StatusCode);
        switch (_protocol)
        {
            case WireProtocol.Grpc:
                AnswerGrpc(error);
                break;
            case WireProtocol.GrpcWeb:
            case WireProtocol.GrpcWebText:
                StartStream();
                GrpcWebAnswer.WriteEnd(_responseBody.Writer, _protocol, error, _handlerTrailers);
                break;
            case WireProtocol.ConnectUnaryJson:
            case WireProtocol.ConnectUnaryProto:
                ConnectAnswer.WriteUnaryError(_response, _responseBody.Writer, error, _handlerTrailers, _server.Json);
                break;
            case WireProtocol.ConnectStreamJson:
            case WireProtocol.ConnectStreamProto:
                StartStream();
                ConnectAnswer.WriteEndOfStream(_responseBody.Writer, error, _handlerTrailers, _server.Json);
                break;
        }
    }

    private void AnswerGrpc(RpcException error)
    {
        bool isTrailersOnly = !_hasBodyStarted && !_response.HasStarted && _handlerTrailers is null;
        if (!_response.HasStarted)
            _response.Headers.ContentType = GrpcContentType;
        IHeaderDictionary target = isTrailersOnly ? _response.Headers : _trailers!.Trailers;
        AddHandlerTrailers(target);
        GrpcStatus.Write(target, error);
        if (error.StatusCode == RpcStatusCode.Unimplemented && isTrailersOnly)
            target.GrpcAcceptEncoding = "identity,gzip";
    }

    private void EndGrpc()
    {
        IHeaderDictionary trailers = _trailers!.Trailers;
        AddHandlerTrailers(trailers);
        trailers.GrpcStatus = GrpcOk;
    }

    private void AddHandlerTrailers(IHeaderDictionary target)
    {
        if (_handlerTrailers is null)
            return;
        foreach (KeyValuePair<string, string> trailer in _handlerTrailers)
            target.Append(trailer.Key, trailer.Value);
    }

    /// <summary>Writes a message of a stream into the connection's buffer; returns about how many bytes it is there.
    /// </summary>
    private int WriteMessage(IMessage message)
    {
        StartStream();
        _hasBodyStarted = true;
        PipeWriter writer = _responseBody.Writer;
        if (_protocol == WireProtocol.ConnectStreamJson)
        {
            ReadOnlySpan<byte> json = _server.Json.Format(message);
            bool isCompressed = json.Length >= ResponseEncoding.CompressBytesMin && _takesGzip && CompressesResponse;
            MessageFrame.Write(
                writer,
                isCompressed ? MessageFrame.Compressed : (byte)0,
                isCompressed ? ResponseEncoding.Compress(json) : json);
            return json.Length;
        }

        int length = message.CalculateSize();
        if (length >= ResponseEncoding.CompressBytesMin && _takesGzip && CompressesResponse)
            WriteCompressed(message, length);
        else if (_protocol == WireProtocol.GrpcWebText)
            GrpcWebAnswer.WriteFrame(writer, _protocol, flags: 0, message.ToByteArray());
        else
            MessageFrame.Write(writer, message, length);
        return MessageFrame.PrefixBytes + length;
    }

    private void WriteCompressed(IMessage message, int length)
    {
        ReadOnlySpan<byte> compressed = ResponseEncoding.Compress(message, length);
        if (_protocol == WireProtocol.GrpcWebText)
            GrpcWebAnswer.WriteFrame(_responseBody.Writer, _protocol, MessageFrame.Compressed, compressed);
        else
            MessageFrame.Write(_responseBody.Writer, MessageFrame.Compressed, compressed);
    }

    /// <summary>Whether this answer may hold gzip, which its headers say then.</summary>
    private bool TakesGzip()
    {
        if (!CompressesResponse || !ResponseEncoding.AcceptsGzip(_protocol, _request.Headers))
            return false;
        if (_protocol == WireProtocol.Grpc)
            ResponseEncoding.Announce(_protocol, _response.Headers);
        return true;
    }

    /// <summary>Sets the headers of a stream, unless they have left.</summary>
    private void StartStream()
    {
        if (_response.HasStarted || _hasBodyStarted)
            return;
        _response.Headers.ContentType = WireProtocols.ResponseContentType(_protocol);
        if (_takesGzip = ResponseEncoding.AcceptsGzip(_protocol, _request.Headers))
            ResponseEncoding.Announce(_protocol, _response.Headers);
    }

    private ValueTask FlushAsync()
    {
        ValueTask<FlushResult> flush = _responseBody.Writer.FlushAsync(CancellationToken.None);
        if (!flush.IsCompletedSuccessfully)
            return AwaitFlushAsync(flush);
        CheckFlushed(flush.Result);
        return ValueTask.CompletedTask;
    }

    private async ValueTask AwaitFlushAsync(ValueTask<FlushResult> flush) => CheckFlushed(await flush);

    private void CheckFlushed(FlushResult result)
    {
        if (!result.IsCompleted && !result.IsCanceled)
            return;
        EnsureCancellation().Fire(CancellationCause.CallerReset);
        ThrowIfCancelled();
    }

    // The server's own ends leave time for a last word; the caller's leave nobody to hear it.
    private void ThrowIfCancelled()
    {
        CallCancellation cancellation = EnsureCancellation();
        if (cancellation.Cause is CancellationCause.Deadline or CancellationCause.CallerReset)
            throw new OperationCanceledException("The call is over.", cancellation.Token);
    }

    /// <summary>What fired the cancellation, as an error; null when nothing did.</summary>
    private RpcException? CancellationError => CancellationCause switch
    {
        CancellationCause.None => null,
        CancellationCause.Deadline => Faults.DeadlinePassed(),
        CancellationCause.CallerReset => Faults.CallerGaveUp(),
        CancellationCause.Drain => Faults.Draining(),
        CancellationCause.Refused => _cancellation!.Refusal,
    };

    // Kestrel stands in the middle of that body: on HTTP/1.1 it could not find a next request behind it.
    private RpcException MalformedBody(BadHttpRequestException failure)
    {
        if (!HttpProtocol.IsHttp2(_request.Protocol) && !_response.HasStarted)
            _response.Headers.Connection = "close";
        return Faults.MessageMalformed(failure.Message);
    }

    private RpcException BugOf(Exception failure)
    {
        Log.HandlerFailed(_server.Logger, failure, _method!.Path);
        return Faults.Bug();
    }
}
