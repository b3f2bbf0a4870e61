using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using Google.Protobuf;

namespace AgentBudget.Rpc.Server;

/// <summary>
/// What a handler reads its requests from, straight out of Kestrel's pipe: a message that nobody reads stays in the
/// stream's window, and its sender waits. One is made for each call, so that a handler that keeps it past its end
/// reaches no other call.
/// </summary>
internal sealed class RequestStream<TRequest>(HttpCall call) : IRpcStreamReader<TRequest>
    where TRequest : class, IMessage<TRequest>
{
    private bool _isEnded;
    private volatile bool _isOver;
    private int _isReading;
    private RpcException? _fault;

    /// <inheritdoc/>
    public bool TryRead([NotNullWhen(true)] out TRequest? message)
    {
        Enter();
        try
        {
            message = null;
            if (_isEnded || !call.BodyReader.TryRead(out ReadResult result))
                return false;
            _isEnded = call.TryTakeNext(result, out IMessage? next) && next is null;
            message = (TRequest?)next;
            return message is not null;
        }
        catch (Exception failure)
        {
            throw Translate(failure);
        }
        finally
        {
            Volatile.Write(ref _isReading, 0);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<TRequest?> ReadAsync()
    {
        Enter();
        try
        {
            while (!_isEnded)
            {
                PipeReader reader = call.BodyReader;
                if (!reader.TryRead(out ReadResult result))
                    result = await reader.ReadAsync(call.Cancellation);
                if (_isOver)
                    break;
                if (!call.TryTakeNext(result, out IMessage? next))
                    continue;
                if (next is not null)
                    return (TRequest)next;
                _isEnded = true;
            }

            return null;
        }
        catch (Exception failure)
        {
            throw Translate(failure);
        }
        finally
        {
            Volatile.Write(ref _isReading, 0);
        }
    }

    /// <summary>The handler is done: what it may still do with this reaches no call.</summary>
    internal void End()
    {
        _isOver = true;
        if (Volatile.Read(ref _isReading) != 0)
            call.CutRequest();
    }

    private void Enter()
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        if (Interlocked.Exchange(ref _isReading, 1) != 0)
            throw new InvalidOperationException("A stream is read by one reader at a time.");
        if (_fault is not null)
        {
            Volatile.Write(ref _isReading, 0);
            throw _fault;
        }
    }

    private Exception Translate(Exception failure)
    {
        if (_isOver)
            return new ObjectDisposedException(nameof(RequestStream<>));
        Exception translated = call.TranslateRead(failure);
        _fault = translated as RpcException;
        return translated;
    }
}
