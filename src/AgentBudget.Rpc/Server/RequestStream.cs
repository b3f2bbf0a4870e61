using System.Buffers;
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
    private ReadOnlySequence<byte> _held; // Of what was read from the pipe, what is not taken yet.
    private bool _isHolding;
    private bool _isCompleted;
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
            while (!TryTake(out message))
            {
                if (!call.BodyReader.TryRead(out ReadResult result))
                    return false;
                Hold(result);
            }

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
            TRequest? message;
            while (!TryTake(out message))
            {
                PipeReader reader = call.BodyReader;
                if (!reader.TryRead(out ReadResult result))
                    result = await reader.ReadAsync(call.Cancellation);
                if (_isOver)
                    return null;
                Hold(result);
            }

            return message;
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
        else
            LetGo();
    }

    /// <summary>
    /// Takes the next message of what is held; null at the end of the stream. False when there is no whole one, and
    /// then nothing is held: a pipe is asked once for what has arrived together, not once for each message.
    /// </summary>
    private bool TryTake(out TRequest? message)
    {
        message = null;
        if (_isEnded)
            return true;
        if (!_isHolding)
            return false;
        bool isTaken = false;
        try
        {
            isTaken = call.TryTakeNext(ref _held, _isCompleted, out IMessage? next);
            message = (TRequest?)next;
            _isEnded = isTaken && next is null;
            return isTaken;
        }
        finally
        {
            if (!isTaken || _isEnded)
                LetGo();
        }
    }

    private void Hold(in ReadResult result)
    {
        _held = result.Buffer;
        _isCompleted = result.IsCompleted;
        _isHolding = true;
    }

    // What is left is the beginning of a message, and looked at: the next read waits for more.
    private void LetGo()
    {
        if (!_isHolding)
            return;
        _isHolding = false;
        call.BodyReader.AdvanceTo(_held.Start, _held.End);
        _held = default;
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
