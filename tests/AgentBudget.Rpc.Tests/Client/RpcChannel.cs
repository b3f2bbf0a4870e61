using System.Net;
using System.Runtime.CompilerServices;
using AgentBudget.Rpc.Wire;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Rpc.Tests;

/// <summary>
/// Calls a gRPC server over HTTP/2, in cleartext or over TLS as its address says. For many callers at once; it opens
/// connections as they are needed and keeps them.
/// </summary>
internal sealed class RpcChannel : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(10);

    private readonly HttpMessageInvoker _http;
    private readonly Uri _address;
    private readonly TimeProvider _time;

    /// <summary>Opens nothing yet.</summary>
    /// <param name="address">Scheme, host and port, such as <c>http://127.0.0.1:7071</c>.</param>
    /// <param name="time">The clock of deadlines.</param>
    public RpcChannel(Uri address, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(time);
        _address = address;
        _time = time;
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            ConnectTimeout = ConnectTimeout,
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = PingDelay,
            KeepAlivePingTimeout = PingTimeout,
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ActivityHeadersPropagator = null,
        });
    }

    /// <summary>Sends one message and awaits one.</summary>
    /// <typeparam name="TRequest">The request message of the method.</typeparam>
    /// <typeparam name="TResponse">The response message of the method.</typeparam>
    /// <param name="method">The method as the proto declares it.</param>
    /// <param name="request">Serialized before the method returns.</param>
    /// <param name="options">Deadline and metadata.</param>
    /// <param name="cancellationToken">Gives up, here and on the server.</param>
    /// <exception cref="RpcException">The call failed. UNAVAILABLE and DEADLINE_EXCEEDED leave open whether it took
    /// effect.</exception>
    /// <exception cref="OperationCanceledException">By the token; it is open whether the call took effect.</exception>
    public async Task<TResponse> UnaryAsync<TRequest, TResponse>(
        MethodDescriptor method, TRequest request, RpcCallOptions options, CancellationToken cancellationToken)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        ArgumentNullException.ThrowIfNull(method);
        using CallDeadline deadline = new(options, _time, cancellationToken);
        try
        {
            using HttpRequestMessage message = RequestOf(method, new FrameContent(request), options);
            using HttpResponseMessage response = await _http.SendAsync(message, deadline.Token);
            ResponseStatus.CheckHeaders(response);
            Stream body = await response.Content.ReadAsStreamAsync(deadline.Token);
            MessageParser parser = method.OutputType.Parser;
            IMessage? answer = await MessageReader.ReadAsync(body, parser, deadline.Token);
            if (answer is not null && await MessageReader.ReadAsync(body, parser, deadline.Token) is not null)
                throw new RpcException(RpcStatusCode.Internal, "The server sent more than one message.");
            ResponseStatus.Check(response.TrailingHeaders);
            return (TResponse?)answer ?? throw new RpcException(RpcStatusCode.Internal, "The server sent no message.");
        }
        catch (Exception failure) when (deadline.Translate(failure) is RpcException)
        {
            throw deadline.Translate(failure)!;
        }
    }

    /// <summary>Sends one message and reads a stream of them.</summary>
    /// <typeparam name="TRequest">The request message of the method.</typeparam>
    /// <typeparam name="TResponse">The message of the stream.</typeparam>
    /// <param name="method">The method as the proto declares it.</param>
    /// <param name="request">Serialized when the enumeration starts.</param>
    /// <param name="options">Deadline and metadata.</param>
    /// <param name="cancellationToken">Gives up, here and on the server; so does leaving the enumeration.</param>
    /// <exception cref="RpcException">From the enumeration: the stream ended in an error.</exception>
    /// <exception cref="OperationCanceledException">From the enumeration: by the token.</exception>
    public async IAsyncEnumerable<TResponse> ServerStreamingAsync<TRequest, TResponse>(
        MethodDescriptor method,
        TRequest request,
        RpcCallOptions options,
        [EnumeratorCancellation] CancellationToken cancellationToken)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        ArgumentNullException.ThrowIfNull(method);
        using CallDeadline deadline = new(options, _time, cancellationToken);
        using HttpRequestMessage message = RequestOf(method, new FrameContent(request), options);
        using HttpResponseMessage response = await OpenStreamAsync(message, deadline);
        Stream body = await response.Content.ReadAsStreamAsync(deadline.Token);
        while (await ReadNextAsync(response, body, method.OutputType.Parser, deadline) is IMessage next)
            yield return (TResponse)next;
    }

    /// <summary>Sends a stream of messages and awaits one.</summary>
    /// <typeparam name="TRequest">The message of the requests.</typeparam>
    /// <typeparam name="TResponse">The response message of the method.</typeparam>
    /// <param name="method">The method as the proto declares it.</param>
    /// <param name="requests">Enumerated until its end or until the server has answered.</param>
    /// <param name="options">Deadline and metadata.</param>
    /// <param name="cancellationToken">Gives up, here and on the server.</param>
    /// <exception cref="RpcException">The call failed. UNAVAILABLE and DEADLINE_EXCEEDED leave open whether it took
    /// effect.</exception>
    /// <exception cref="OperationCanceledException">By the token; it is open whether the call took effect.</exception>
    public async Task<TResponse> ClientStreamingAsync<TRequest, TResponse>(
        MethodDescriptor method,
        IAsyncEnumerable<TRequest> requests,
        RpcCallOptions options,
        CancellationToken cancellationToken)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        ArgumentNullException.ThrowIfNull(requests);
        await using RpcDuplexCall<TRequest, TResponse> call =
            OpenDuplex<TRequest, TResponse>(method, options, cancellationToken);
        await foreach (TRequest request in requests.WithCancellation(cancellationToken))
        {
            if (!await call.WriteAsync(request))
                break;
        }

        call.CompleteRequests();
        TResponse? answer = await call.ReadAsync();
        if (answer is not null && await call.ReadAsync() is not null)
            throw new RpcException(RpcStatusCode.Internal, "The server sent more than one message.");
        return answer ?? throw new RpcException(RpcStatusCode.Internal, "The server sent no message.");
    }

    /// <summary>Opens a call with a stream in each direction.</summary>
    /// <typeparam name="TRequest">The message of the requests.</typeparam>
    /// <typeparam name="TResponse">The message of the responses.</typeparam>
    /// <param name="method">The method as the proto declares it.</param>
    /// <param name="options">Deadline and metadata.</param>
    /// <param name="cancellationToken">Gives up, here and on the server.</param>
    /// <returns>The call, which the caller disposes. A failure to open it is what its first read throws.</returns>
    public RpcDuplexCall<TRequest, TResponse> OpenDuplex<TRequest, TResponse>(
        MethodDescriptor method, RpcCallOptions options, CancellationToken cancellationToken)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        ArgumentNullException.ThrowIfNull(method);
        FrameStreamContent requests = new();
        CallDeadline deadline = new(options, _time, cancellationToken, canCancel: true);
        return new RpcDuplexCall<TRequest, TResponse>(
            method, requests, RequestOf(method, requests, options), deadline, OpenStreamAsync);
    }

    /// <summary>Closes the connections; calls in flight fail.</summary>
    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> OpenStreamAsync(HttpRequestMessage message, CallDeadline deadline)
    {
        HttpResponseMessage? response = null;
        try
        {
            response = await _http.SendAsync(message, deadline.Token);
            ResponseStatus.CheckHeaders(response);
            return response;
        }
        catch (Exception failure)
        {
            response?.Dispose();
            if (deadline.Translate(failure) is RpcException translated)
                throw translated;
            throw;
        }
    }

    internal static async ValueTask<IMessage?> ReadNextAsync(
        HttpResponseMessage response, Stream body, MessageParser parser, CallDeadline deadline)
    {
        try
        {
            IMessage? next = await MessageReader.ReadAsync(body, parser, deadline.Token);
            if (next is null && !response.Headers.Contains("grpc-status"))
                ResponseStatus.Check(response.TrailingHeaders);
            return next;
        }
        catch (Exception failure) when (deadline.Translate(failure) is RpcException)
        {
            throw deadline.Translate(failure)!;
        }
    }

    private HttpRequestMessage RequestOf(MethodDescriptor method, HttpContent content, RpcCallOptions options)
    {
        HttpRequestMessage message = new(HttpMethod.Post, new Uri(_address, RpcMethod.PathOf(method)))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        message.Headers.TryAddWithoutValidation("te", "trailers");
        if (options.Timeout is TimeSpan timeout)
            message.Headers.TryAddWithoutValidation("grpc-timeout", CallTimeout.FormatGrpc(timeout));
        if (options.BearerToken is string token)
            message.Headers.TryAddWithoutValidation("authorization", "Bearer " + token);
        if (options.Metadata is not null)
        {
            foreach (KeyValuePair<string, string> entry in options.Metadata)
            {
                MetadataRules.Check(entry.Key, entry.Value);
                message.Headers.TryAddWithoutValidation(entry.Key, entry.Value);
            }
        }

        return message;
    }
}
