using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Cluster.Tests.Support;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Tests;
using Grpc.Core;

namespace AgentBudget.Cluster.Tests;

/// <summary>An assertion or a proof that one silo took no other takes, also when the one that knows dies.</summary>
public sealed class UsedOnceTests : IDisposable
{
    private const string Agent = "agents/agent";
    private const string BalanceUrl = ClusterSilo.Issuer + "/agentbudget.v1.BudgetService/GetBalance";
    private const string TokenUrl = ClusterSilo.Issuer + "/oauth2/token";

    private const string Catalog = """
        tenant: acme
        currency: USD
        timeZone: UTC
        businessUnits:
          - { id: unit, budget: { limit: 1000.00, period: none } }
        useCases:
          - { id: case, businessUnit: unit }
        agents:
          - { id: agent, businessUnit: unit, useCases: [case], models: [model] }
        prices:
          - { model: model, provider: any, effectiveFrom: 2026-01-01, rates: { input: 1.00, output: 1.00 } }
        """;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly ProofKey _key = new();

    public void Dispose() => _key.Dispose();

    [Fact]
    public async Task An_assertion_and_a_proof_count_once_in_the_cluster_also_after_their_owner_was_killed()
    {
        await using SiloCluster cluster = await SiloCluster.StartAsync(StoreKinds.One);
        using SiloCalls first = new(cluster.Silos[0]);
        await first.ApplyCatalogAsync(cluster.AdminKey, Catalog);
        CreateCredentialResponse client =
            await first.CreateCredentialAsync(cluster.AdminKey, "client", _key.PublicJwk.ToJsonString());
        string clientId = client.Credential.KeyId;

        (string assertion, string token) = await FreshTokenAsync(cluster.Silos[0], clientId);
        string proof = await FreshProofAsync(cluster.Silos[1], token);
        await AreRefusedAsync(cluster.Silos, assertion, token, proof);

        ClusterSilo owner = await cluster.OwnerAsync();
        ClusterSilo[] left = [.. cluster.Silos.Where(silo => silo != owner)];
        (assertion, token) = await FreshTokenAsync(left[0], clientId);
        proof = await FreshProofAsync(left[0], token);
        await owner.KillAsync();
        await AreRefusedAsync(left, assertion, token, proof);
        (assertion, token) = await FreshTokenAsync(left[1], clientId);
        proof = await FreshProofAsync(left[1], token);
        await AreRefusedAsync(left, assertion, token, proof);
    }

    private async Task AreRefusedAsync(
        IReadOnlyList<ClusterSilo> silos, string assertion, string token, string proof)
    {
        foreach (ClusterSilo silo in silos)
        {
            (HttpStatusCode status, _) = await UntilAsync(
                () => AskTokenAsync(silo, assertion, _key.Proof("POST", TokenUrl, "")),
                answer => answer.Status != HttpStatusCode.ServiceUnavailable);
            Assert.Equal(HttpStatusCode.Unauthorized, status);
            Assert.Equal(
                StatusCode.Unauthenticated,
                await UntilAsync(() => AskAsync(silo, token, proof), answer => answer != StatusCode.Unavailable));
        }
    }

    // Whatever was issued just before its memory's owner began is refused for some seconds, and then no more.
    private async Task<(string Assertion, string Token)> FreshTokenAsync(ClusterSilo silo, string clientId)
    {
        string assertion = "";
        (_, JsonNode answer) = await UntilAsync(
            () =>
            {
                assertion = _key.Assertion(clientId, ClusterSilo.Issuer);
                return AskTokenAsync(silo, assertion, _key.Proof("POST", TokenUrl, ""));
            },
            answer => answer.Status == HttpStatusCode.OK);
        return (assertion, (string)answer["access_token"]!);
    }

    private async Task<string> FreshProofAsync(ClusterSilo silo, string token)
    {
        string proof = "";
        await UntilAsync(
            () => AskAsync(silo, token, proof = _key.Proof("POST", BalanceUrl, token)),
            answer => answer == StatusCode.OK);
        return proof;
    }

    private static async Task<StatusCode> AskAsync(ClusterSilo silo, string token, string proof)
    {
        using SiloCalls calls = new(silo);
        return await SiloCalls.StatusOfAsync(calls.GetBalanceAsync(token, proof, Agent));
    }

    private static async Task<(HttpStatusCode Status, JsonNode Body)> AskTokenAsync(
        ClusterSilo silo, string assertion, string proof)
    {
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(silo.Http, "/oauth2/token"));
        request.Headers.Add("dpop", proof);
        request.Content = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ["client_assertion"] = assertion,
        });
        using HttpResponseMessage response = await http.SendAsync(request);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

    private static async Task<T> UntilAsync<T>(Func<Task<T>> ask, Predicate<T> isEnough)
    {
        using CancellationTokenSource patience = new(Patience);
        while (true)
        {
            T answer = await ask();
            if (isEnough(answer)) return answer;
            if (patience.IsCancellationRequested) throw new TimeoutException($"the last answer was {answer}");
            await Task.Delay(Pause);
        }
    }
}
