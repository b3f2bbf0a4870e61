using System.Buffers;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Gateway.Streams;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Calls;

/// <content>
/// Answers that stream. Nothing is answered before the upstream's first event is there. An event leaves as soon as
/// it is whole. A stream that does not come to its proper end is aborted, so that it looks complete to nobody.
/// </content>
internal sealed partial class UpstreamExchange
{
    /// <summary>How long the end of a stream waits for its settlement.</summary>
    private static readonly TimeSpan SettlementWait = TimeSpan.FromSeconds(1);

    /// <summary>Between the error event of a cut stream and its abort: so that the event is read.</summary>
    private static readonly TimeSpan AbortDelay = TimeSpan.FromMilliseconds(100);

    private bool _isWhole;

    private async Task PassStreamAsync(
        HttpContext http, HttpResponseMessage response, CancellationTokenSource stop, SessionWatch.Lease? lease)
    {
        CallRefusedException? cut;
        Task settling = Task.CompletedTask;
        try
        {
            await using Stream from = await response.Content.ReadAsStreamAsync(stop.Token);
            settling = await CopyEventsAsync(http, response, from, stop);
            cut = _isWhole ? null : Failed($"The upstream {trace.Upstream} broke its stream off.");
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            cut = Failed($"The upstream {trace.Upstream} broke its stream off or was silent for too long.");
        }

        await settling;
        await SettleAsync(http.Response);
        if (cut is null) return;
        if (http.RequestAborted.IsCancellationRequested)
        {
            http.Abort();
            return;
        }

        if (lease is { Over.IsCancellationRequested: true }) cut = lease.Refusal();
        if (!http.Response.HasStarted) throw cut;
        await AbortAsync(http, cut);
    }

    // Answers the settlement that the end of the stream began, which its caller waits for.
    private async Task<Task> CopyEventsAsync(
        HttpContext http, HttpResponseMessage response, Stream from, CancellationTokenSource stop)
    {
        EventSplitter splitter = new();
        Task settling = Task.CompletedTask;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            while (true)
            {
                stop.CancelAfter(services.Model.Options.UpstreamIdle);
                int bytes = await from.ReadAsync(buffer.AsMemory(0, ReadBytes), stop.Token);
                int taken = 0;
                bool isEvent = bytes == 0 && splitter.HasRest; // The last one without its empty line.
                while (taken < bytes || isEvent)
                {
                    if (!isEvent) taken += splitter.Take(buffer.AsSpan(taken, bytes - taken), out isEvent);
                    if (!isEvent) continue;
                    isEvent = false;
                    EventFate fate = FateOf(splitter, out bool hasData);
                    if (fate == EventFate.End && !_isSettled) settling = await SettleSoonAsync(http.Response);
                    if (fate == EventFate.Fail) ThrowIfFirst(http.Response, splitter);
                    _isWhole |= fate == EventFate.End;
                    bool isPassed = fate != EventFate.Hide && (hasData || http.Response.HasStarted);
                    if (isPassed) await WriteAsync(http, response, splitter.Event, stop.Token);
                    splitter.Clear();
                }

                if (bytes == 0) return settling;
                if (http.Response.HasStarted) await http.Response.Body.FlushAsync(stop.Token);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private EventFate FateOf(EventSplitter splitter, out bool hasData)
    {
        ReadOnlyMemory<byte> data = splitter.ReadData();
        hasData = !data.IsEmpty;
        return hasData ? _reader.TakeEvent(data) : EventFate.Pass;
    }

    // Before anything was answered, an error event is a refusal like any other, and has a status.
    private void ThrowIfFirst(HttpResponse response, EventSplitter splitter)
    {
        if (response.HasStarted) return;
        string text = System.Text.Encoding.UTF8.GetString(splitter.ReadData().Span);
        const int shownMax = 500;
        throw Failed(
            $"The upstream {trace.Upstream} failed: {(text.Length > shownMax ? text[..shownMax] : text)}");
    }

    private async Task WriteAsync(
        HttpContext http, HttpResponseMessage response, ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        if (!http.Response.HasStarted)
        {
            services.Telemetry.FirstByte(
                dialect.Name, trace.Upstream, services.Time.GetElapsedTime(trace.StartTicks));
            ForwardedCall.CopyHeaders(response, http.Response);
            http.Response.StatusCode = (int)response.StatusCode;
            http.Response.Headers["x-accel-buffering"] = "no";
            http.Response.Headers.CacheControl = "no-cache";
            await http.Response.StartAsync(stop);
        }

        await http.Response.Body.WriteAsync(bytes, stop);
    }

    // The end of the stream waits for the settlement as a rule, so that whoever sees the end sees its cost too.
    private async Task<Task> SettleSoonAsync(HttpResponse response)
    {
        Task settling = SettleAsync(response);
        await Task.WhenAny(settling, Task.Delay(SettlementWait, services.Time, CancellationToken.None));
        return settling;
    }

    private async Task AbortAsync(HttpContext http, CallRefusedException cut)
    {
        services.Telemetry.Refused(dialect.Name, cut.Reason.Length > 0 ? cut.Reason : "StreamCut");
        try
        {
            await http.Response.Body.WriteAsync(dialect.Errors.StreamEvent(cut, trace.RequestId), http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
            await Task.Delay(AbortDelay, services.Time, http.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // The caller left by itself.
        }

        http.Abort();
    }
}
