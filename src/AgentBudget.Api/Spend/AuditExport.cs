using System.Globalization;
using System.Text;
using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace AgentBudget.Api.Spend;

/// <summary>
/// GET /audit.jsonl: the ledger as JSON lines, one event each, for archives and log systems. Administrative acts alone,
/// or everything with <c>all=true</c>; from <c>from</c> on, a sequence, to what is durable when the request comes.
/// </summary>
internal sealed class AuditExport(ApiContext context)
{
    private const int ReadMax = 1_000; // Events read at once.

    internal void Map(IEndpointRouteBuilder app) => app.MapRoute("GET", "/audit.jsonl", AnswerAsync);

    private async Task AnswerAsync(HttpContext http)
    {
        Caller caller = CallerPrincipal.CallerOf(http)!;
        string tenant = context.Callers.TenantOf(caller, http.Request.Headers[CallerScope.TenantHeader]);
        await context.CurrencyOfAsync(tenant); // A tenant without a catalog is not found.
        bool isAll = http.Request.Query["all"] == "true";
        long next = 1;
        if (http.Request.Query["from"].ToString() is { Length: > 0 } from
            && !(long.TryParse(from, NumberStyles.None, CultureInfo.InvariantCulture, out next) && next > 0))
        {
            FieldFaults faults = default;
            faults.Add("from", "must be a sequence, 1 or more");
            throw faults.ToException();
        }

        http.Response.ContentType = "application/x-ndjson";
        http.Response.Headers.CacheControl = "no-store";
        if (HttpMethods.IsHead(http.Request.Method))
            return;
        try
        {
            await WriteAsync(http, tenant, next, isAll, new EventView(caller));
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
    }

    private async Task WriteAsync(HttpContext http, string tenant, long next, bool isAll, EventView view)
    {
        long last = await context.Host.DurableSequenceAsync(tenant, http.RequestAborted);
        StringBuilder lines = new();
        while (next <= last)
        {
            IReadOnlyList<LedgerEvent> events =
                await context.Host.ReadAsync(tenant, next, ReadMax, http.RequestAborted);
            foreach (LedgerEvent ledgerEvent in events)
            {
                // Whoever administers something is named in its event; spends and what the ledger does itself are not
                // asked for by anybody.
                if (isAll || ledgerEvent.Actor.Length > 0)
                    lines.Append(JsonFormatter.Default.Format(view.Of(ledgerEvent))).Append('\n');
            }

            await http.Response.WriteAsync(lines.ToString(), http.RequestAborted);
            lines.Clear();
            if (events.Count == 0)
                return;
            next = events[^1].Sequence + 1;
        }
    }
}
