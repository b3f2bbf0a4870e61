using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using AgentBudget.Outbound;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Notifications.Sending;

/// <summary>
/// Posts notices to URLs that tenants name. Each attempt resolves the name anew and connects to an address that was
/// checked; nothing is followed, and of an answer no more than 4 KiB are read and none are kept.
/// </summary>
internal sealed class HttpSender : INoticeSender, IDisposable
{
    /// <summary>A receiver that works longer should take a notice first and work on it then.</summary>
    internal static readonly TimeSpan AttemptMax = TimeSpan.FromSeconds(20);

    /// <summary>An answer says how it went by its status; enough is read for a connection to end in order.</summary>
    private const int AnswerBytesMax = 4096;

    private readonly bool _allowPrivate;
    private readonly TimeProvider _time;
    private readonly HttpMessageInvoker _invoker;

    public HttpSender(bool allowPrivate, TimeProvider time)
    {
        _allowPrivate = allowPrivate;
        _time = time;
        SocketsHttpHandler handler = GuardedConnection.MakeHandler(
            allowPrivate, "Set notifications:allowPrivate to allow it.");
        // A connection that is kept would be to an address that was checked earlier.
        handler.PooledConnectionLifetime = TimeSpan.Zero;
        _invoker = new HttpMessageInvoker(handler, disposeHandler: true);
    }

    public async Task<SendResult> SendAsync(
        string tenant, EndpointBook endpoint, Notice notice, CancellationToken cancellationToken)
    {
        // It was made while cleartext was allowed.
        if (!_allowPrivate && new Uri(endpoint.Url).Scheme != Uri.UriSchemeHttps)
            return new SendResult(IsTaken: false, 0, "its URL is not https, and this silo sends nothing in cleartext");
        using CancellationTokenSource timeout = new(AttemptMax, _time);
        using CancellationTokenSource either =
            CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            using HttpRequestMessage request = RequestOf(tenant, endpoint, notice);
            using HttpResponseMessage response = await _invoker.SendAsync(request, either.Token);
            SendResult result = ResultOf(response);
            await DrainAsync(response, either.Token);
            return result;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new SendResult(IsTaken: false, 0, $"no answer within {AttemptMax.TotalSeconds} s");
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or InvalidOperationException)
        {
            return new SendResult(IsTaken: false, 0, SentenceOf(fault));
        }
    }

    public void Dispose() => _invoker.Dispose();

    private HttpRequestMessage RequestOf(string tenant, EndpointBook endpoint, Notice notice)
    {
        byte[] body = endpoint.Kind switch
        {
            EndpointKind.Slack => Payloads.Slack(tenant, notice),
            EndpointKind.Teams => Payloads.Teams(tenant, notice),
            _ => Payloads.CloudEvent(tenant, notice),
        };
        bool isWebhook = endpoint.Kind == EndpointKind.Webhook;
        ByteArrayContent content = new(body);
        content.Headers.ContentType =
            new MediaTypeHeaderValue(isWebhook ? "application/cloudevents+json" : "application/json", "utf-8");
        HttpRequestMessage request = new(HttpMethod.Post, new Uri(endpoint.Url)) { Content = content };
        request.Headers.TryAddWithoutValidation("user-agent", "AgentBudget");
        if (isWebhook) Sign(request, endpoint, notice.Id, body);
        return request;
    }

    private void Sign(HttpRequestMessage request, EndpointBook endpoint, string id, byte[] body)
    {
        DateTimeOffset now = _time.GetUtcNow();
        List<byte[]> secrets = [endpoint.Secret.ToByteArray()];
        if (endpoint.FormerSecret.Length > 0 && endpoint.FormerUntilMs > now.ToUnixTimeMilliseconds())
            secrets.Add(endpoint.FormerSecret.ToByteArray());
        long seconds = now.ToUnixTimeSeconds();
        request.Headers.TryAddWithoutValidation("webhook-id", id);
        request.Headers.TryAddWithoutValidation("webhook-timestamp", seconds.ToString(CultureInfo.InvariantCulture));
        request.Headers.TryAddWithoutValidation("webhook-signature", Signature.Of(secrets, id, seconds, body));
    }

    private SendResult ResultOf(HttpResponseMessage response)
    {
        int status = (int)response.StatusCode;
        if (response.IsSuccessStatusCode) return new SendResult(IsTaken: true, status, "");
        bool isRedirect = status is >= 300 and < 400;
        return new SendResult(IsTaken: false, status, isRedirect ? "redirects are not followed" : $"answered {status}")
        {
            IsGone = response.StatusCode == HttpStatusCode.Gone,
            IsSlow = response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway
                or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout,
            RetryAfter = response.Headers.RetryAfter switch
            {
                { Delta: { } delta } => delta,
                { Date: { } date } => date - _time.GetUtcNow(),
                _ => null,
            },
        };
    }

    private static async Task DrainAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            byte[] buffer = new byte[AnswerBytesMax];
            Stream body = await response.Content.ReadAsStreamAsync(cancellationToken);
            await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException or OperationCanceledException)
        {
            // The status is there, and says how it went.
        }
    }

    // Shown to whoever made the endpoint: what a name leads to within this network is not theirs to learn.
    private static string SentenceOf(Exception fault) => fault switch
    {
        AddressNotPublicException or { InnerException: AddressNotPublicException } =>
            "the name leads to an address that is not public",
        HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } =>
            "the name cannot be resolved",
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } =>
            "TLS failed: the certificate is not one that is trusted for this name",
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } => "no connection",
        _ => "the connection broke, or the answer is no HTTP",
    };
}
