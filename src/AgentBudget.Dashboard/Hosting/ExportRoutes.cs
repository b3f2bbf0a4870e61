using System.Text;
using AgentBudget.Client;
using AgentBudget.Dashboard.Reading;
using AgentBudget.Dashboard.SigningIn;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace AgentBudget.Dashboard.Hosting;

/// <summary>What is downloaded from a page, as whoever is signed in.</summary>
internal static class ExportRoutes
{
    private static readonly TimeSpan ReportMax = TimeSpan.FromSeconds(60);
    private static readonly string[] Columns =
        ["cost", "currency", "calls", "refused", "sessions", "input_tokens", "output_tokens", "overrun"];

    internal static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/export/chargeback.csv", AnswerAsync);

    private static async Task AnswerAsync(
        HttpContext http, SessionStore sessions, TimeProvider time, string? period, string? by, string? of)
    {
        string? id = http.User.FindFirst(SessionCookie.IdClaim)?.Value;
        if (id is null || sessions.FindLive(id) is not { } signedIn)
        {
            http.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }

        ReportQuery query = ReportQuery.Read(period, by, of);
        try
        {
            GetChargebackResponse report = await signedIn.Client.CallAsync(
                signedIn.Client.Reports.GetChargebackAsync,
                query.ToRequest(time.GetUtcNow()),
                http.RequestAborted,
                ReportMax);
            http.Response.ContentType = "text/csv; charset=utf-8";
            http.Response.Headers.ContentDisposition = "attachment; filename=\"chargeback.csv\"";
            await WriteAsync(http.Response.Body, query, report, http.RequestAborted);
        }
        catch (AgentBudgetException fault)
        {
            http.Response.StatusCode = fault.StatusCode switch
            {
                StatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
                StatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
                StatusCode.InvalidArgument => StatusCodes.Status400BadRequest,
                _ => StatusCodes.Status503ServiceUnavailable,
            };
            PageFault told = PageFault.Of(fault);
            http.Response.ContentType = "text/plain; charset=utf-8";
            await http.Response.WriteAsync($"{told.Title}. {told.Advice}\n", http.RequestAborted);
        }
    }

    private static async Task WriteAsync(
        Stream body, ReportQuery query, GetChargebackResponse report, CancellationToken cancellation)
    {
        await using StreamWriter writer = new(body, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\r\n" };
        await writer.WriteLineAsync(LineOf(query.By.Concat(Columns)));
        foreach (ChargebackRow row in report.Rows)
        {
            cancellation.ThrowIfCancellationRequested();
            IEnumerable<string> keys = query.By.Select(key => row.Keys.GetValueOrDefault(key, ""));
            await writer.WriteLineAsync(LineOf(keys.Concat(
            [
                ReportQuery.Whole(row.Cost),
                row.Cost?.CurrencyCode ?? "",
                ReportQuery.Count(row.Calls),
                ReportQuery.Count(row.Refused),
                ReportQuery.Count(row.Sessions),
                ReportQuery.Count(row.Tokens?.InputTokens ?? 0),
                ReportQuery.Count(row.Tokens?.OutputTokens ?? 0),
                ReportQuery.Whole(row.Overrun),
            ])));
        }
    }

    private static string LineOf(IEnumerable<string> cells) => string.Join(',', cells.Select(CellOf));

    // RFC 4180. A text that a spreadsheet would run as a formula begins with an apostrophe.
    private static string CellOf(string text)
    {
        bool isNumber = decimal.TryParse(text, out _);
        string safe = !isNumber && text.Length > 0 && "=+-@\t\r".Contains(text[0], StringComparison.Ordinal)
            ? "'" + text
            : text;
        return safe.AsSpan().IndexOfAny(",\"\r\n") < 0
            ? safe
            : $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}
