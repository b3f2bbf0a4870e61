using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Rpc.Tests;

/// <summary>
/// A call with a stream in each direction; see <see cref="RpcChannel.OpenDuplex"/>. One thread may write while another
/// reads. Disposing it before the end cancels the call.
/// </summary>
/// <typeparam name="TRequest">The message of the requests.</typeparam>
/// <typeparam name="TResponse">The message of the responses.</typeparam>
internal sealed class RpcDuplexCall<TRequest, TResponse> : IAsyncDisposable
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    private readonly FrameStreamContent _requests;
    private readonly HttpRequestMessage _message;
    private readonly CallDeadline _deadline;
    private readonly Task<HttpResponseMessage> _opening;
    private readonly MessageParser _parser;
    private Stream? _body;
    private bool _isEnded;

    internal RpcDuplexCall(
        MethodDescriptor method,
        FrameStreamContent requests,
        HttpRequestMessage message,
        CallDeadline deadline,
        Func<HttpRequestMessage, CallDeadline, Task<HttpResponseMessage>> open)
    {
        _parser = method.OutputType.Parser;
        _requests = requests;
        _message = message;
        _deadline = deadline;
        _opening = OpenAsync(open);
    }

    /// <summary>Sends a message; waits while the server takes no more. One write at a time.</summary>
    /// <param name="message">Must not change until the returned task completes; the caller keeps it.</param>
    /// <returns>False when the call has ended meanwhile: what ended it is what <see cref="ReadAsync"/> throws or
    /// returns.</returns>
    /// <exception cref="OperationCanceledException">By the token of the call.</exception>
    public async ValueTask<bool> WriteAsync(TRequest message)
    {
        ArgumentNullException.ThrowIfNull(message);
        try
        {
            await _requests.WriteAsync(message, _deadline.Token);
            return true;
        }
        catch (Exception failure) when (failure is IOException or HttpRequestException or ObjectDisposedException
            or OperationCanceledException && !_deadline.IsCancelledByCaller)
        {
            return false;
        }
    }

    /// <summary>Says that no more requests come. Responses go on.</summary>
    public void CompleteRequests() => _requests.End();

    /// <summary>The next response, or null at the good end of the stream. One read at a time.</summary>
    /// <exception cref="RpcException">The call ended in an error.</exception>
    /// <exception cref="OperationCanceledException">By the token of the call.</exception>
    public async ValueTask<TResponse?> ReadAsync()
    {
        if (_isEnded)
            return null;
        HttpResponseMessage response = await _opening;
        _body ??= await response.Content.ReadAsStreamAsync(_deadline.Token);
        IMessage? next = await RpcChannel.ReadNextAsync(response, _body, _parser, _deadline);
        _isEnded = next is null;
        return (TResponse?)next;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_isEnded)
        {
            _requests.End();
        }
        else
        {
            _deadline.Cancel();
            _requests.GiveUp();
        }

        try
        {
            (await _opening).Dispose();
        }
        catch (Exception failure) when (failure is RpcException or OperationCanceledException)
        {
            // The reader has seen it, or did not want to.
        }

        _message.Dispose();
        _deadline.Dispose();
    }

    private async Task<HttpResponseMessage> OpenAsync(
        Func<HttpRequestMessage, CallDeadline, Task<HttpResponseMessage>> open)
    {
        try
        {
            return await open(_message, _deadline);
        }
        catch
        {
            _requests.GiveUp();
            throw;
        }
    }
}
