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

    internal static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/export/chargeback.csv", AnswerChargebackAsync);
        routes.MapGet("/export/focus.csv", AnswerFocusAsync);
    }

    private static Task AnswerChargebackAsync(
        HttpContext http, SessionStore sessions, TimeProvider time, string? period, string? by, string? of) =>
        AnswerAsync(http, sessions, async client =>
        {
            ReportQuery query = ReportQuery.Read(period, by, of);
            GetChargebackResponse report = await client.CallAsync(
                client.Reports.GetChargebackAsync, query.ToRequest(time.GetUtcNow()), http.RequestAborted, ReportMax);
            Begin(http, "chargeback.csv");
            await WriteAsync(http.Response.Body, query, report, http.RequestAborted);
        });

    // Written as it comes: a year of rows is in nobody's memory.
    private static Task AnswerFocusAsync(HttpContext http, SessionStore sessions) =>
        AnswerAsync(http, sessions, async client =>
        {
            if (FocusQuery.Read(http.Request.Query) is not { } request)
            {
                await RefuseAsync(
                    http,
                    StatusCodes.Status400BadRequest,
                    "Say from which day to which: from=2026-11-01&to=2026-11-30.");
                return;
            }

            using AsyncServerStreamingCall<ExportFocusResponse> file =
                client.Reports.ExportFocus(request, cancellationToken: http.RequestAborted);
            while (await file.ResponseStream.MoveNext(http.RequestAborted))
            {
                if (!http.Response.HasStarted) Begin(http, FocusQuery.NameOf(request));
                await http.Response.WriteAsync(file.ResponseStream.Current.Csv, http.RequestAborted);
            }
        });

    private static async Task AnswerAsync(
        HttpContext http, SessionStore sessions, Func<AgentBudgetClient, Task> answerAsync)
    {
        string? id = http.User.FindFirst(SessionCookie.IdClaim)?.Value;
        if (id is null || sessions.FindLive(id) is not { } signedIn)
        {
            http.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }

        try
        {
            await answerAsync(signedIn.Client);
        }
        catch (AgentBudgetException fault)
        {
            await FailAsync(http, fault.StatusCode, PageFault.Of(fault));
        }
        catch (RpcException fault) when (!http.RequestAborted.IsCancellationRequested)
        {
            await FailAsync(http, fault.StatusCode, PageFault.Of(fault));
        }
    }

    private static void Begin(HttpContext http, string file)
    {
        http.Response.ContentType = "text/csv; charset=utf-8";
        http.Response.Headers.ContentDisposition = $"attachment; filename=\"{file}\"";
    }

    private static Task FailAsync(HttpContext http, StatusCode status, PageFault told)
    {
        if (http.Response.HasStarted)
        {
            http.Abort(); // A file that ends in its middle is not taken for a whole one.
            return Task.CompletedTask;
        }

        int code = status switch
        {
            StatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
            StatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
            StatusCode.InvalidArgument => StatusCodes.Status400BadRequest,
            _ => StatusCodes.Status503ServiceUnavailable,
        };
        return RefuseAsync(http, code, $"{told.Title}. {told.Advice}");
    }

    private static Task RefuseAsync(HttpContext http, int status, string sentence)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/plain; charset=utf-8";
        return http.Response.WriteAsync(sentence + "\n", http.RequestAborted);
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
