using Microsoft.AspNetCore.Http;

namespace AgentBudget.Silo.Hosting;

/// <summary>What orchestrators of processes ask over plain HTTP.</summary>
/// <param name="isReady">Whether calls are served.</param>
internal sealed class HealthRoutes(Func<bool> isReady)
{
    /// <summary>/healthz: the process lives. /readyz: calls are served. Anything else is not there.</summary>
    internal Task AnswerAsync(HttpContext context)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
            return AnswerAsync(context, StatusCodes.Status404NotFound, "not found\n");
        return context.Request.Path.Value switch
        {
            "/healthz" => AnswerAsync(context, StatusCodes.Status200OK, "ok\n"),
            "/readyz" when isReady() => AnswerAsync(context, StatusCodes.Status200OK, "ready\n"),
            "/readyz" => AnswerAsync(context, StatusCodes.Status503ServiceUnavailable, "not ready\n"),
            _ => AnswerAsync(context, StatusCodes.Status404NotFound, "not found\n"),
        };
    }

    private static Task AnswerAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain";
        context.Response.ContentLength = text.Length;
        context.Response.Headers.CacheControl = "no-store";
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.WriteAsync(text);
    }
}
