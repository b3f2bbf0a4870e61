using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;

namespace AgentBudget.Dashboard.Hosting;

/// <summary>
/// What holds for every answer: nothing runs in a page and nothing is loaded into it but our own files, and whatever
/// changes something, a page's live connection included, has to come from one of our own pages.
/// </summary>
internal sealed partial class PageGuard(RequestDelegate next, ILogger<PageGuard> logger)
{
    internal const string ContentPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        + "form-action 'self'; base-uri 'self'; frame-ancestors 'none'";

    public async Task InvokeAsync(HttpContext http)
    {
        IHeaderDictionary headers = http.Response.Headers;
        headers.ContentSecurityPolicy = ContentPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "same-origin"; // Without any, a form would come from nowhere.
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        if (!IsFromHere(http))
        {
            http.Response.StatusCode = StatusCodes.Status403Forbidden;
            await http.Response.WriteAsync("This has to come from the dashboard's own page. Open it and try again.\n");
            return;
        }

        try
        {
            await next(http);
        }
        catch (Exception failure) when (!http.Response.HasStarted && !http.RequestAborted.IsCancellationRequested)
        {
            Log.PageFailed(logger, failure, http.Request.Path);
            http.Response.StatusCode = StatusCodes.Status500InternalServerError;
            await http.Response.WriteAsync("The page could not be made. The silo's log says why.\n");
        }
    }

    // A cookie that is strict about sites does not tell the ports of one machine apart; the origin does. Browsers send
    // it with every request that is no plain GET, and with every WebSocket.
    private static bool IsFromHere(HttpContext http)
    {
        bool isPlain = HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method);
        if (isPlain && !http.WebSockets.IsWebSocketRequest && StringValues.IsNullOrEmpty(http.Request.Headers.Upgrade))
            return true;
        StringValues origin = http.Request.Headers.Origin;
        return origin.Count == 1 && string.Equals(
            origin[0], $"{http.Request.Scheme}://{http.Request.Host}", StringComparison.OrdinalIgnoreCase);
    }

    private static partial class Log
    {
        [LoggerMessage(90, LogLevel.Error, "The page {Path} could not be made")]
        internal static partial void PageFailed(ILogger logger, Exception failure, string path);
    }
}
