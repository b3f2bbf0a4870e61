using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Calls;

/// <summary>Ends a stream so that it looks complete to nobody: an error that its reader sees, then an abort.</summary>
internal static class CutStream
{
    /// <summary>Between the last event and the abort: so that the event is read.</summary>
    private static readonly TimeSpan AbortDelay = TimeSpan.FromMilliseconds(100);

    public static async Task EndAsync(HttpContext http, byte[] lastEvent, TimeProvider time)
    {
        try
        {
            await http.Response.Body.WriteAsync(lastEvent, http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
            await Task.Delay(AbortDelay, time, http.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // The caller left by itself.
        }

        http.Abort();
    }
}
