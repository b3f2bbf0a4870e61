using System.Globalization;
using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting;
using AgentBudget.Reporting.Focus;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace AgentBudget.Api.Reports;

/// <summary>
/// ExportFocus, and GET /reports/focus.csv with <c>start</c>, <c>end</c>, <c>version</c>, <c>granularity=day|hour</c>,
/// <c>detail=session</c> and <c>costs=double|exact</c>. A file is read page by page while it is sent.
/// </summary>
internal sealed class FocusReports(ApiContext context, SpendReports spend, Aggregator aggregator)
{
    private const int DaysMax = 400;

    /// <summary>Files that are written at once: each keeps its rows on the side while it is read.</summary>
    internal const int ExportsMax = 4;

    /// <summary>Those of one tenant: it leaves another one room.</summary>
    internal const int ExportsOfOneMax = 2;

    private readonly SharedRoom _room = new(ExportsMax, ExportsOfOneMax);

    internal void Map(IEndpointRouteBuilder app) => app.MapRoute("GET", "/reports/focus.csv", AnswerAsync);

    internal async Task StreamAsync(
        ExportFocusRequest request, IServerStreamWriter<ExportFocusResponse> responses, ApiCall call)
    {
        string tenant = context.Callers.TenantOf(call);
        await context.CurrencyOfAsync(tenant); // A tenant without a catalog is not found, whatever is asked of it.
        await ExportAsync(tenant, Read(request), WriteAsync, call.Cancellation);

        Task WriteAsync(string csv, long sequence) => responses.WriteAsync(
            new ExportFocusResponse { Csv = csv, Sequence = sequence }, call.Cancellation);
    }

    private async Task AnswerAsync(HttpContext http)
    {
        Caller caller = CallerPrincipal.CallerOf(http)!;
        string tenant = context.Callers.TenantOf(caller, http.Request.Headers[CallerScope.TenantHeader]);
        await context.CurrencyOfAsync(tenant); // A tenant without a catalog is not found, whatever is asked of it.
        FocusRequest request = Read(Parse(http.Request.Query));
        http.Response.Headers.CacheControl = "no-store";
        bool isHead = HttpMethods.IsHead(http.Request.Method);
        await ExportAsync(tenant, request, WriteAsync, http.RequestAborted);

        Task WriteAsync(string csv, long sequence)
        {
            if (!http.Response.HasStarted)
            {
                http.Response.ContentType = "text/csv; charset=utf-8; header=present";
                http.Response.Headers.ContentDisposition = "attachment; filename=\"focus.csv\"";
            }

            return isHead ? Task.CompletedTask : http.Response.WriteAsync(csv, http.RequestAborted);
        }
    }

    private async Task ExportAsync(
        string tenant, FocusRequest request, Func<string, long, Task> write, CancellationToken cancellation)
    {
        await spend.CatchUpAsync(tenant, cancellation);
        if (!_room.TryEnter(tenant, out bool isOwnBound))
        {
            string who = isOwnBound ? $"{ExportsOfOneMax} files of this tenant" : $"{ExportsMax} files";
            throw ApiErrors.Make(
                StatusCode.ResourceExhausted,
                ErrorReason.BoundReached,
                $"{who} are being written: try again when one is done.",
                ApiErrors.RetryAfter(ErrorMap.BoundRetry));
        }

        try
        {
            using FocusExport export = aggregator.ExportFocus(tenant, request);
            while (export.Next() is { } csv) await write(csv, export.Sequence);
        }
        catch (ReportException fault)
        {
            throw SpendReports.ErrorOf(fault);
        }
        finally
        {
            _room.Leave(tenant);
        }
    }

    private static ExportFocusRequest Parse(IQueryCollection query)
    {
        FieldFaults faults = default;
        foreach (string name in query.Keys)
        {
            if (name is not ("start" or "end" or "version" or "granularity" or "detail" or "costs"))
                faults.Add(name, "is no parameter: there are start, end, version, granularity, detail and costs");
        }

        var request = new ExportFocusRequest
        {
            Period = new ReportPeriod { StartTime = TimeOf("start"), EndTime = TimeOf("end") },
            Version = query["version"].ToString(),
            Granularity = OneOf("granularity", ("day", FocusGranularity.Day), ("hour", FocusGranularity.Hour)),
            Sessions = OneOf("detail", ("session", true)),
            Costs = OneOf("costs", ("double", FocusCosts.Double), ("exact", FocusCosts.Exact)),
        };
        faults.ThrowIfAny();
        return request;

        Timestamp? TimeOf(string name)
        {
            string text = query[name].ToString();
            if (text.Length == 0) return null;
            const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
            if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, Utc, out DateTimeOffset time))
                return Timestamp.FromDateTimeOffset(time);
            faults.Add(name, "must be a time like 2026-11-01T00:00:00Z, or a day like 2026-11-01");
            return null;
        }

        T? OneOf<T>(string name, params ReadOnlySpan<(string Text, T Value)> values)
        {
            string text = query[name].ToString();
            if (text.Length == 0) return default;
            string expected = "";
            foreach ((string known, T value) in values)
            {
                if (text == known) return value;
                expected += expected.Length > 0 ? $" or {known}" : known;
            }

            faults.Add(name, $"must be {expected}");
            return default;
        }
    }

    private static FocusRequest Read(ExportFocusRequest request)
    {
        FieldFaults faults = default;
        FieldChecks.Time(ref faults, "period.start_time", request.Period?.StartTime);
        FieldChecks.Time(ref faults, "period.end_time", request.Period?.EndTime);
        Timestamp? start = request.Period?.StartTime;
        Timestamp? end = request.Period?.EndTime;
        if (start is null)
            faults.Add("period.start_time", "must be given");
        if (end is null)
            faults.Add("period.end_time", "must be given");
        if (start is not null && end is not null && end.CompareTo(start) <= 0)
            faults.Add("period.end_time", "must be after start_time");
        else if (start is not null && end is not null && end.Seconds - start.Seconds > DaysMax * 86_400L)
            faults.Add("period.end_time", $"must be at most {DaysMax} days after start_time");
        if (request.Version is not ("" or "1.2" or "1.3"))
            faults.Add("version", "must be 1.2 or 1.3");
        if (!System.Enum.IsDefined(request.Granularity))
            faults.Add("granularity", "must be a granularity that this release knows");
        if (!System.Enum.IsDefined(request.Costs))
            faults.Add("costs", "must be a way that this release knows");
        faults.ThrowIfAny();
        return new FocusRequest(
            request.Period,
            request.Version == "1.3" ? FocusVersion.V13 : FocusVersion.V12,
            request.Granularity == FocusGranularity.Hour,
            request.Sessions,
            request.Costs == FocusCosts.Exact);
    }
}
