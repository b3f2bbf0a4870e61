using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Client.Tests.Samples;

/// <summary>A gateway for chat completions: callers send a session's token as their API key.</summary>
internal static class SampleGateway
{
    public static void Map(WebApplication app, AgentBudgetClient budget, HttpClient upstream) =>
        app.MapPost("/v1/chat/completions", async (HttpRequest request, CancellationToken cancellation) =>
        {
            JsonNode body = (await JsonNode.ParseAsync(request.Body, cancellationToken: cancellation))!;
            string token = request.Headers.Authorization.ToString().Replace("Bearer ", "", StringComparison.Ordinal);

            // Before the call: hold the most that it can cost, on every account of the session's path.
            await using BudgetScope scope = await budget.BeginScopeAsync(
                new ReserveTokensRequest
                {
                    SessionToken = token,
                    Model = (string)body["model"]!,
                    Estimate = new TokenEstimate
                    {
                        InputTokens = 1 + (body.ToJsonString().Length / 3),
                        MaxOutputTokens = (long)body["max_completion_tokens"]!,
                    },
                },
                cancellation);
            if (!scope.IsAllowed) return Results.Json(scope.Denial!.Message, statusCode: 429);

            // The call, with the model that was granted. Where it fails, the scope releases the hold.
            body["model"] = scope.Model;
            using HttpResponseMessage response = await upstream.PostAsync(
                "v1/chat/completions", new StringContent(body.ToJsonString(), null, "application/json"), cancellation);
            string answer = await response.Content.ReadAsStringAsync(cancellation);
            if (!response.IsSuccessStatusCode) return Results.Text(answer, statusCode: (int)response.StatusCode);

            // After the call: what it used, as its provider counts. The scope settles it when it ends.
            string usage = JsonNode.Parse(answer)!["usage"]!.ToJsonString();
            scope.Use(new ProviderUsage { OpenAi = Struct.Parser.ParseJson(usage) });
            return Results.Text(answer, "application/json");
        });
}
