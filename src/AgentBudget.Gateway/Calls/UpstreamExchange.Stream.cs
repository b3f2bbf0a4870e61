using System.Buffers;
using AgentBudget.Gateway.Dialects;
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

    private bool _isWhole;
    private bool _isDraining;
    private bool _hasWorked; // An event came that is no failure, passed on or not.

    private async Task PassStreamAsync(CallEnd end, HttpResponseMessage response)
    {
        HttpContext http = end.Http;
        CallRefusedException? cut;
        Task settling = Task.CompletedTask;
        try
        {
            await using Stream from = await response.Content.ReadAsStreamAsync(end.Stop.Token);
            settling = await CopyEventsAsync(end, response, from);
            cut = _isWhole || _reader.IsWhole ? null : Failed($"The upstream {trace.Upstream} broke its stream off.");
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            cut = Failed($"The upstream {trace.Upstream} broke its stream off or was silent for too long.");
        }

        await settling;
        await SettleAsync(http.Response);
        if (_isDraining || http.RequestAborted.IsCancellationRequested)
        {
            http.Abort();
            return;
        }

        if (cut is null) return;
        if (end.IsOver) cut = end.Lease!.Refusal();
        if (!http.Response.HasStarted) throw cut;
        await AbortAsync(http, cut);
    }

    // Answers the settlement that the end of the stream began, which its caller waits for.
    private async Task<Task> CopyEventsAsync(CallEnd end, HttpResponseMessage response, Stream from)
    {
        HttpResponse to = end.Http.Response;
        EventSplitter splitter = new();
        Task settling = Task.CompletedTask;
        long drained = 0;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            while (true)
            {
                end.Stop.CancelAfter(_isDraining ? Drains.TimeMax : services.Model.Options.UpstreamIdle);
                int bytes = await UntilGoneAsync(
                    end, from.ReadAsync(buffer.AsMemory(0, ReadBytes), end.Stop.Token).AsTask());
                if (_isDraining && (drained += bytes) > Drains.BytesMax) return settling;
                int taken = 0;
                bool isEvent = bytes == 0 && splitter.HasRest; // The last one without its empty line.
                while (taken < bytes || isEvent)
                {
                    if (!isEvent) taken += splitter.Take(buffer.AsSpan(taken, bytes - taken), out isEvent);
                    if (!isEvent) continue;
                    isEvent = false;
                    EventFate fate = FateOf(splitter, out bool hasData);
                    if (fate == EventFate.End && !_isSettled) settling = await SettleSoonAsync(to);
                    if (fate == EventFate.Fail && !_hasWorked) throw FirstFailure(splitter);
                    _hasWorked |= hasData;
                    _isWhole |= fate == EventFate.End;
                    bool isPassed = fate != EventFate.Hide && (hasData || to.HasStarted);
                    if (isPassed) await WriteAsync(end, response, splitter.Event);
                    splitter.Clear();
                    if (!_isSettled) _parts.Note(_reader, UsualInput);
                }

                if (bytes == 0) return settling;
                if (to.HasStarted && !_isDraining) await FlushAsync(end);
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
    private CallRefusedException FirstFailure(EventSplitter splitter)
    {
        byte[] body = splitter.ReadData().ToArray();
        if (_reader.FailedStatus is { } status)
            return Untouched(
                $"The upstream {trace.Upstream} failed with {status}.",
                new UpstreamAnswer(status, dialect.Errors.BodyOfEvent(body), []));
        string text = System.Text.Encoding.UTF8.GetString(body);
        const int shownMax = 500;
        return Untouched($"The upstream {trace.Upstream} failed: {(text.Length > shownMax ? text[..shownMax] : text)}");
    }

    private async Task WriteAsync(CallEnd end, HttpResponseMessage response, ReadOnlyMemory<byte> bytes)
    {
        if (_isDraining) return;
        HttpContext http = end.Http;
        try
        {
            if (!http.Response.HasStarted)
            {
                services.Telemetry.FirstByte(
                    dialect.Name, trace.Upstream, services.Time.GetElapsedTime(trace.StartTicks));
                ForwardedCall.CopyHeaders(response, http.Response);
                http.Response.StatusCode = (int)response.StatusCode;
                http.Response.Headers["x-accel-buffering"] = "no";
                http.Response.Headers.CacheControl = "no-cache";
                await http.Response.StartAsync(end.Gone);
            }

            await http.Response.Body.WriteAsync(bytes, end.Gone);
        }
        catch (OperationCanceledException) when (end is { MayDrain: true, Gone.IsCancellationRequested: true })
        {
            await LeaveAsync(end);
        }
    }

    private async Task FlushAsync(CallEnd end)
    {
        try
        {
            await end.Http.Response.Body.FlushAsync(end.Gone);
        }
        catch (OperationCanceledException) when (end is { MayDrain: true, Gone.IsCancellationRequested: true })
        {
            await LeaveAsync(end);
        }
    }

    /// <summary>Waits for the upstream, but not with a caller that leaves or whose session is over.</summary>
    private async Task<T> UntilGoneAsync<T>(CallEnd end, Task<T> work)
    {
        if (!end.MayDrain || _isDraining) return await work;
        try
        {
            return await work.WaitAsync(end.Gone);
        }
        catch (OperationCanceledException) when (end.Gone.IsCancellationRequested)
        {
            await LeaveAsync(end);
            return await work;
        }
    }

    /// <summary>
    /// Cuts the caller off, where it did not leave by itself, and has the upstream read on for what it reports; or ends
    /// the upstream's part where that is not worth it, or too much.
    /// </summary>
    private async Task LeaveAsync(CallEnd end)
    {
        HttpContext http = end.Http;
        // Whoever was answered nothing yet is told why, so there is nothing to wait for.
        bool isRefused = !http.Response.HasStarted && !http.RequestAborted.IsCancellationRequested;
        if (isRefused || services.Drains.TryTake(spender.Agent) != Room.Taken)
        {
            await end.Stop.CancelAsync();
            return;
        }

        _isDraining = true;
        end.Stop.CancelAfter(Drains.TimeMax);
        if (!http.RequestAborted.IsCancellationRequested) await AbortAsync(http, end.Lease!.Refusal());
    }

    // The end of the stream waits for the settlement as a rule, so that whoever sees the end sees its cost too.
    private async Task<Task> SettleSoonAsync(HttpResponse response)
    {
        Task settling = SettleAsync(response);
        await Task.WhenAny(settling, Task.Delay(SettlementWait, services.Time, CancellationToken.None));
        return settling;
    }

    private Task AbortAsync(HttpContext http, CallRefusedException cut)
    {
        services.Telemetry.Refused(dialect.Name, cut.Reason.Length > 0 ? cut.Reason : "StreamCut");
        return CutStream.EndAsync(http, dialect.Errors.StreamEvent(cut, trace.RequestId), services.Time);
    }
}
