using System.Diagnostics;
using System.Security.Cryptography;
using AgentBudget.Client;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Sessions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Gateway.Calls;

/// <summary>Where calls come in and every refusal goes out, in its caller's dialect.</summary>
internal static partial class CallEdge
{
    private const int IdBytes = 12;

    /// <summary>Runs a call to its end.</summary>
    public static Task RunAsync(
        GatewayServices services, Dialect dialect, HttpContext http, Func<HttpContext, CallTrace, Task> call) =>
        RunAsync(services, dialect.Errors, dialect.Name, http, call);

    /// <summary>The same for a route that is no model call.</summary>
    public static async Task RunAsync(
        GatewayServices services,
        ErrorShape errors,
        string operation,
        HttpContext http,
        Func<HttpContext, CallTrace, Task> call)
    {
        CallTrace trace = new(
            $"req_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes))}", services.Time.GetTimestamp());
        trace.Caller = CallerKey.HashOf(http.Request);
        using Activity? span = GatewayTelemetry.Begin(operation);
        Room room = services.Calls.TryTake(trace.Caller);
        try
        {
            if (room != Room.Taken)
                throw new CallRefusedException(
                    RefusalKind.Busy, "As many calls of this caller's are under way as may be. Try again.");
            await call(http, trace);
        }
        catch (CallRefusedException refusal)
        {
            if (refusal.UpstreamAnswer is null)
                services.Telemetry.Refused(
                    operation, refusal.Reason.Length > 0 ? refusal.Reason : refusal.Kind.ToString());
            await AnswerAsync(services, errors, http, trace, refusal);
        }
        catch (AgentBudgetException fault)
        {
            CallRefusedException refusal = Denials.Of(fault);
            services.Telemetry.Refused(operation, refusal.Reason.Length > 0 ? refusal.Reason : refusal.Kind.ToString());
            if (refusal.Kind == RefusalKind.Unavailable)
                Log.Unavailable(services.Logger, trace.RequestId, fault.Message);
            await AnswerAsync(services, errors, http, trace, refusal);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            http.Abort(); // The caller left.
        }
        catch (BadHttpRequestException fault)
        {
            await AnswerAsync(services, errors, http, trace, new CallRefusedException(
                fault.StatusCode == StatusCodes.Status413PayloadTooLarge ? RefusalKind.TooLarge : RefusalKind.Invalid,
                fault.Message));
        }
        catch (Exception defect) when (defect is not OperationCanceledException)
        {
            services.Defects.Write(trace.Caller, operation, defect);
            await AnswerAsync(services, errors, http, trace, new CallRefusedException(
                RefusalKind.Unavailable, "The gateway failed at this call. Its operator finds why in its log."));
        }
        finally
        {
            if (room == Room.Taken) services.Calls.GiveBack(trace.Caller);
        }

        GatewayTelemetry.End(span, trace, http.Response.StatusCode);
        services.Telemetry.Ended(
            operation, trace.Upstream, http.Response.StatusCode, services.Time.GetElapsedTime(trace.StartTicks));
    }

    private static async Task AnswerAsync(
        GatewayServices services, ErrorShape errors, HttpContext http, CallTrace trace, CallRefusedException refusal)
    {
        if (http.Response.HasStarted)
        {
            http.Abort();
            return;
        }

        ErrorAnswer answer = errors.Answer(
            refusal,
            trace.RequestId,
            http.Request.Headers.UserAgent.ToString(),
            services.Model.Options.RefusalStatus,
            services.Time.GetUtcNow());
        http.Response.StatusCode = answer.Status;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = answer.Body.Length;
        http.Response.Headers[errors.RequestIdHeader] = trace.RequestId;
        foreach ((string name, string value) in answer.Headers) http.Response.Headers[name] = HeaderText.Of(value);
        try
        {
            await http.Response.Body.WriteAsync(answer.Body, http.RequestAborted);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            http.Abort();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            3, LogLevel.Warning, "{Request} was not forwarded, because the budget cannot be asked: {Detail}")]
        public static partial void Unavailable(ILogger logger, string request, string detail);
    }
}
