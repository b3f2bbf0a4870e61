using System.Buffers;
using System.Net;
using AgentBudget.Client;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Gateway.Upstreams;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Calls;

/// <summary>One call at its upstream, from its sending to its settlement.</summary>
internal sealed partial class UpstreamExchange(
    GatewayServices services, Dialect dialect, CallShape shape, SessionUse spender, Hold hold, CallTrace trace)
{
    private const int AnswerBytesMax = 64 * 1024 * 1024;
    private const int ErrorBytesMax = 1024 * 1024;
    private const int ReadBytes = 16 * 1024;

    private readonly AnswerReader _reader = dialect.MakeReader(shape);
    private readonly StreamParts _parts = new(services.Client, services.Model.Options, spender, hold, services.Time);
    private bool _isSettled;

    /// <summary>Sends the call and passes its answer on.</summary>
    /// <exception cref="CallRefusedException">
    /// There is no answer; the hold is settled or released by its scope. Where the upstream did no work, another may be
    /// asked.
    /// </exception>
    public async Task RunAsync(HttpContext http, UpstreamRoute route, HttpRequestMessage request)
    {
        using SessionWatch.Lease? lease =
            shape.IsStream ? services.Watch.Watch(spender.Token, spender.Session) : null;
        using CancellationTokenSource whole = new(services.Model.Options.CallMax, services.Time);
        // A call that does not stream is billed whole whether somebody waits for it or not, so it is let finish.
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(
            lease?.Over ?? CancellationToken.None, shape.IsStream ? http.RequestAborted : CancellationToken.None);
        bool mayDrain = shape.IsStream && route.Upstream.Model.BillsAbandoned;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(
            whole.Token, mayDrain ? CancellationToken.None : gone.Token);
        using CancellationTokenSource answered = new();
        Task extending = ExtendAsync(answered.Token);
        CallEnd end = new(http, lease, stop, mayDrain, gone.Token);
        try
        {
            using HttpResponseMessage response = await SendAsync(end, route, request);
            if (ForwardedCall.IsRefusal(response)) throw await RefusalOfAsync(response, stop.Token);
            if (shape.IsStream && response.Content.Headers.ContentType?.MediaType == "text/event-stream")
                await PassStreamAsync(end, response);
            else await PassWholeAsync(http, response, stop);
        }
        finally
        {
            if (_isDraining) services.Drains.GiveBack(spender.Agent);
            await answered.CancelAsync();
            await extending;
        }
    }

    private async Task<HttpResponseMessage> SendAsync(CallEnd end, UpstreamRoute route, HttpRequestMessage request)
    {
        HttpContext http = end.Http;
        http.RequestAborted.ThrowIfCancellationRequested(); // Nothing was sent: the scope releases.
        if (end.IsOver) throw end.Lease!.Refusal();
        try
        {
            end.Stop.CancelAfter(services.Model.Options.UpstreamIdle);
            return await UntilGoneAsync(end, route.Upstream.SendAsync(request, end.Stop.Token));
        }
        catch (HttpRequestException fault) when (fault.HttpRequestError is HttpRequestError.ConnectionError
            or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError)
        {
            throw Untouched($"The upstream {route.Upstream.Name} cannot be reached: {fault.Message}");
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            // It was sent and may have been worked on.
            await SettleAsync(http.Response);
            if (end.IsOver) throw end.Lease!.Refusal();
            http.RequestAborted.ThrowIfCancellationRequested();
            throw Failed($"The upstream {route.Upstream.Name} did not answer.");
        }
    }

    // The upstream did no work: what it says goes to the caller, or to another upstream, and the hold back.
    private async Task<CallRefusedException> RefusalOfAsync(HttpResponseMessage response, CancellationToken stop)
    {
        int status = (int)response.StatusCode;
        if (status < 400) return Untouched($"The upstream {trace.Upstream} answered {status}, which is not followed.");
        byte[] body;
        try
        {
            body = await ReadUpToAsync(response, ErrorBytesMax, stop);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            return Untouched($"The upstream {trace.Upstream} refused the call and broke off.");
        }

        // A key of ours that is refused is no fault of the caller's, who would look for it in his own.
        if (response.StatusCode is HttpStatusCode.Unauthorized)
            return Untouched($"The upstream {trace.Upstream} refuses the gateway's key.");
        return Untouched($"The upstream {trace.Upstream} answered {status}.", new UpstreamAnswer(
            status, body, ForwardedCall.HeadersOf(response)));
    }

    private async Task PassWholeAsync(HttpContext http, HttpResponseMessage response, CancellationTokenSource stop)
    {
        byte[] body = [];
        try
        {
            body = await ReadUpToAsync(response, AnswerBytesMax, stop.Token);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            await SettleAsync(http.Response);
            http.RequestAborted.ThrowIfCancellationRequested();
            throw Failed($"The upstream {trace.Upstream} broke its answer off.");
        }

        services.Telemetry.FirstByte(
            dialect.Name, trace.Upstream, services.Time.GetElapsedTime(trace.StartTicks));
        _reader.TakeAnswer(body);
        await SettleAsync(http.Response);
        ForwardedCall.CopyHeaders(response, http.Response);
        http.Response.StatusCode = (int)response.StatusCode;
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, http.RequestAborted);
    }

    private static async Task<byte[]> ReadUpToAsync(HttpResponseMessage response, int most, CancellationToken stop)
    {
        await using Stream from = await response.Content.ReadAsStreamAsync(stop);
        ArrayBufferWriter<byte> read = new(ReadBytes);
        while (true)
        {
            int bytes = await from.ReadAsync(read.GetMemory(ReadBytes), stop);
            if (bytes == 0) return read.WrittenSpan.ToArray();
            read.Advance(bytes);
            if (read.WrittenCount > most) throw new IOException($"The answer is larger than {most} bytes.");
        }
    }

    // Once, whatever ended the call. What fails here is tried again by the scope when it ends, and logged.
    private async Task SettleAsync(HttpResponse? response)
    {
        if (_isSettled) return;
        _isSettled = true;
        (trace.AnsweredModel, trace.InputTokens) = (_reader.AnsweredModel, _reader.ReportedInput);
        await _parts.EndAsync();
        try
        {
            hold.Scope.Use(ToCommit());
            CommitTokensResponse settled;
            try
            {
                settled = await hold.Scope.CommitAsync(CancellationToken.None);
            }
            catch (AgentBudgetException fault) when (fault.StatusCode == StatusCode.InvalidArgument)
            {
                _reader.IsBelieved = false; // A report that cannot be true.
                hold.Scope.Use(ToCommit());
                settled = await hold.Scope.CommitAsync(CancellationToken.None);
            }

            if (response is { HasStarted: false } && Denials.LeftOf(settled.Balance) is { Length: > 0 } left)
                response.Headers["x-agentbudget-left"] = left;
            services.Telemetry.Tokens(dialect.Name, trace.Upstream, settled.Settled?.Tokens ?? 0);
        }
        catch (AgentBudgetException)
        {
            return;
        }

        // Another model counts in its own way.
        bool isOwnModel = hold is { IsDowngraded: false, IsFallback: false };
        if (isOwnModel && _reader is { IsReported: true, ReportedInput: { } counted })
            services.Margin.Learn(shape.Model, shape.Input, counted);
        services.Telemetry.Settled(dialect.Name, trace.Upstream, _reader.IsReported ? "reported" : "estimated");
    }

    private CommitTokensRequest ToCommit()
    {
        CommitTokensRequest commit = _reader.ToCommit(UsualInput, hold.OutputMost);
        commit.Cumulative = _parts.HasAny;
        return commit;
    }

    // Input tokens where nobody counts them.
    private long UsualInput => services.Margin.UsualOf(shape.Model, shape.Input);

    // A hold stands as long as its call runs.
    private async Task ExtendAsync(CancellationToken answered)
    {
        using PeriodicTimer timer = new(Holds.Ttl / 3, services.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(answered))
            {
                await services.Client.ExtendHoldAsync(
                    hold.Scope.Reservation!.ReservationId, spender.Token, Holds.Ttl, answered);
            }
        }
        catch (OperationCanceledException)
        {
            // The call has ended.
        }
        catch (AgentBudgetException)
        {
            // It is charged when its time runs out, and settled anew when the call ends.
        }
    }

    // A settled call is not given to another upstream, and a hold that nothing was used of is released by its scope.
    private CallRefusedException Untouched(string message, UpstreamAnswer? answer = null)
    {
        services.Telemetry.Settled(dialect.Name, trace.Upstream, "released");
        return new CallRefusedException(RefusalKind.Upstream, message)
        {
            UpstreamAnswer = answer,
            // What the call itself is refused for, another upstream would refuse too.
            MayFallBack = answer is null or { Status: 408 or 409 or 429 or >= 500 },
        };
    }

    private static CallRefusedException Failed(string message) => new(RefusalKind.Upstream, message);
}
