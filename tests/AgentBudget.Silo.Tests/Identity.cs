using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

/// <summary>Credentials for tests, and what they are refused.</summary>
internal static class Identity
{
    /// <summary>
    /// Two business units with a use case each, two agents that work for the first and one for the second.
    /// </summary>
    public const string Catalog = """
        tenant: acme
        currency: USD
        businessUnits:
          - { id: marketing }
          - { id: sales }
        useCases:
          - { id: promo, businessUnit: marketing, budget: { limit: 100, period: none } }
          - { id: leads, businessUnit: sales, budget: { limit: 100, period: none } }
        agents:
          - { id: writer, businessUnit: marketing, useCases: [promo], tools: [crm.read, "search.*"], models: [m],
              delegates: { agents: [sibling] } }
          - { id: sibling, businessUnit: marketing, useCases: [promo], models: [m], delegates: { agents: [writer] } }
          - { id: seller, businessUnit: sales, useCases: [leads], models: [m] }
        prices:
          - { model: m, effectiveFrom: 2026-01-01, rates: { input: 1.00, output: 1.00 } }
        """;

    private static int _requests;

    public static string NextId() => $"identity-{Interlocked.Increment(ref _requests)}";

    public static async Task<CreateCredentialResponse> CreateAsync(
        this TestSilo silo, Role role, string principal, string[]? grains = null, string? bearer = null)
    {
        CreateCredentialRequest request = new() { RequestId = NextId(), Principal = principal, Role = role };
        request.Grains.Add(grains ?? []);
        return await silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
            "CreateCredential", request, bearer);
    }

    public static async Task<string> SecretAsync(
        this TestSilo silo, Role role, string principal, string[]? grains = null) =>
        (await silo.CreateAsync(role, principal, grains)).Secret;

    public static Task<RevokeCredentialResponse> RevokeAsync(this TestSilo silo, string credential) =>
        silo.CallAsync<RevokeCredentialRequest, RevokeCredentialResponse>(
            "RevokeCredential",
            new RevokeCredentialRequest { RequestId = NextId(), Credential = credential, Reason = "leaked" });

    public static Task<OpenSessionResponse> OpenAsync(
        this TestSilo silo, string bearer, string agent, string useCase = "useCases/promo", string? user = null) =>
        silo.CallAsync<OpenSessionRequest, OpenSessionResponse>(
            "OpenSession",
            new OpenSessionRequest
            {
                RequestId = NextId(),
                Agent = agent,
                UseCase = useCase,
                Unattended = user is null,
                OnBehalfOf = user ?? "",
            },
            bearer);

    public static Task<ReserveTokensResponse> SpendAsync(this TestSilo silo, string bearer, string token) =>
        silo.CallAsync<ReserveTokensRequest, ReserveTokensResponse>(
            "ReserveTokens",
            new ReserveTokensRequest
            {
                RequestId = NextId(),
                SessionToken = token,
                Model = "m",
                Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 0 },
            },
            bearer);

    public static async Task<RpcException> RefusedAsync(StatusCode code, Func<Task> call)
    {
        RpcException refused = await Assert.ThrowsAsync<RpcException>(call);
        Assert.True(refused.StatusCode == code, $"{refused.StatusCode} {refused.Status.Detail}");
        return refused;
    }
}
