using AgentBudget.Gateway.Envoy.Core;
using AgentBudget.Gateway.Envoy.RateLimits;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using Code = AgentBudget.Gateway.Envoy.RateLimits.RateLimitResponse.Types.Code;
using StatusCode = Grpc.Core.StatusCode;

namespace AgentBudget.Gateway.Tests;

/// <summary>
/// Envoy's rate limit service over the budget. Calls come as Envoy makes them: nothing added asks before a call, what a
/// call used is added when its stream is done and the answer is not looked at.
/// </summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class EnvoyTests(SharedGateway shared) : IAsyncLifetime
{
    private const ulong Million = 1_000_000;

    private readonly TestGateway _gateway = shared.Gateway;
    private GatewayHost _host = null!;
    private GrpcChannel _channel = null!;
    private Metadata _asGateway = null!;
    private Metadata _asOrchestrator = null!;

    private RateLimitService.RateLimitServiceClient Limits => new(_channel);

    public async ValueTask InitializeAsync()
    {
        _host = await _gateway.HostAsync(new GatewayOptions
        {
            Listen = "127.0.0.1:0",
            Envoy = new EnvoyOptions
            {
                Listen = "127.0.0.1:0",
                Rules =
                [
                    Rule("ai", new() { ["session"] = "authorization", ["model"] = "model" }, hold: 20_000),
                    Rule("input", new() { ["session"] = "authorization", ["model"] = "model" }, unit: "inputTokens"),
                    Rule("shadow", new() { ["session"] = "authorization", ["model"] = "model" }, isShadow: true),
                    Rule("asks", new() { ["session"] = "authorization", ["model"] = "model" }, whenOver: "refuse"),
                    Rule("nanos", new() { ["session"] = "authorization" }, unit: "sku:nano", hold: 1_000_000_000),
                    Rule("unpriced", new() { ["session"] = "authorization" }, unit: "sku:nothing"),
                    new EnvoyRuleOptions
                    {
                        Domain = "users",
                        When = ["route=chat"],
                        From = new Dictionary<string, string> { ["user"] = "x-user-id", ["tag.team"] = "team" },
                        Set = new Dictionary<string, string>
                        {
                            ["agent"] = "writer",
                            ["useCase"] = "promo",
                            ["model"] = "m",
                        },
                    },
                ],
            },
        });
        _channel = GrpcChannel.ForAddress($"http://{_host.EnvoyAddress}");
        _asGateway = await HeadersOfAsync("envoy", Role.Gateway);
        _asOrchestrator = await HeadersOfAsync("envoy-users", Role.Orchestrator);
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task A_million_units_by_an_addend_of_64_bits_are_settled_up_to_the_organization()
    {
        string token = await _gateway.OpenAsync();
        long before = await SettledOnTenantAsync(token);

        RateLimitResponse asked = await AskAsync("ai", DescriptorOf(token, hits: 0));
        RateLimitResponse told = await AskAsync("ai", DescriptorOf(token, hits: Million));

        Assert.Equal(Code.Ok, asked.OverallCode);
        Assert.Equal(Code.Ok, told.OverallCode);
        Assert.Equal((long)Million, (await _gateway.TokensAsync(token)).Settled);
        Assert.Equal(before + (long)Million, await SettledOnTenantAsync(token));
    }

    [Fact]
    public async Task A_request_s_addend_is_one_where_nothing_is_said_and_a_descriptor_s_own_wins()
    {
        string token = await _gateway.OpenAsync();

        await AskAsync("ai", DescriptorOf(token)); // One.
        await AskAsync("ai", 41, DescriptorOf(token)); // The request's.
        await AskAsync("ai", 1_000, DescriptorOf(token, hits: 58)); // Its own.
        await AskAsync("ai", 1_000, DescriptorOf(token, hits: 0)); // It only asks.

        Assert.Equal(100, (await _gateway.TokensAsync(token)).Settled);
    }

    [Fact]
    public async Task Input_costs_what_input_does()
    {
        string token = await _gateway.OpenAsync();

        await AskAsync("input", DescriptorOf(token, "long-priced", hits: 0));
        await AskAsync("input", DescriptorOf(token, hits: 1_000));

        Assert.Equal(1_000_000, NanosOf((await _gateway.BalanceAsync(token)).Settled));
    }

    [Fact]
    public async Task Hits_may_be_money_by_a_SKU_of_a_billionth()
    {
        string token = await _gateway.OpenAsync(ceilings: CostOf(5));

        RateLimitResponse asked = await AskAsync("nanos", SessionOnly(token, hits: 0));
        await AskAsync("nanos", SessionOnly(token, hits: 1_234_567_890));

        Assert.Equal(5_000_000_000u, ulong.Parse(HeaderOf(asked, "x-ratelimit-limit")));
        Assert.Equal(uint.MaxValue, asked.Statuses[0].CurrentLimit.RequestsPerUnit); // More than 32 bits can say.
        Assert.Equal("5000000000", MetadataOf(asked, 0, "limit"));
        Assert.Equal(1_234_567_890, NanosOf((await _gateway.BalanceAsync(token)).Settled));
    }

    [Fact]
    public async Task A_SKU_without_a_price_is_refused_and_not_free()
    {
        string token = await _gateway.OpenAsync();

        RateLimitResponse told = await AskAsync("unpriced", SessionOnly(token, hits: 5));

        Assert.Equal(Code.OverLimit, told.OverallCode);
        Assert.Equal("UNKNOWN_PRICE", MetadataOf(told, 0, "reason"));
    }

    [Fact]
    public async Task A_status_tells_the_closest_limit_in_hits_and_when_it_starts_again()
    {
        string token = await _gateway.OpenAsync("tight", CostOf(1000));

        RateLimitResponse told = await AskAsync("ai", DescriptorOf(token, hits: 0));

        RateLimitResponse.Types.DescriptorStatus status = Assert.Single(told.Statuses);
        Assert.Equal("useCases/tight", status.CurrentLimit.Name);
        Assert.Equal(1_100_000u, status.CurrentLimit.RequestsPerUnit); // 110 percent of one unit, at one a million.
        Assert.Equal(RateLimitResponse.Types.RateLimit.Types.Unit.Day, status.CurrentLimit.Unit);
        Assert.InRange(status.LimitRemaining, 1u, 1_100_000u);
        Assert.InRange(status.DurationUntilReset.ToTimeSpan(), TimeSpan.Zero, TimeSpan.FromHours(25));
        Assert.Equal($"{status.LimitRemaining}", HeaderOf(told, "x-ratelimit-remaining"));
        Assert.NotEqual("", HeaderOf(told, "x-ratelimit-reset"));
    }

    [Fact]
    public async Task What_was_used_above_the_limit_is_recorded_whole_and_the_next_request_is_over()
    {
        // 0.05 are 50,000 tokens, of which 20,000 are kept for calls that are under way.
        string token = await _gateway.OpenAsync(ceilings: CostOf(0, 50_000_000));
        await AskAsync("ai", DescriptorOf(token, hits: 0));

        RateLimitResponse used = await AskAsync("ai", DescriptorOf(token, hits: 45_000));
        RateLimitResponse again = await AskAsync("ai", DescriptorOf(token, hits: 30_000));
        RateLimitResponse next = await AskAsync("ai", DescriptorOf(token, hits: 0));

        Assert.Equal(Code.OverLimit, used.OverallCode);
        Assert.Equal(Code.OverLimit, again.OverallCode);
        Assert.Equal(Code.OverLimit, next.OverallCode);
        Assert.Equal(0u, next.Statuses[0].LimitRemaining);
        Assert.Equal(75_000, (await _gateway.TokensAsync(token)).Settled);
        GrainBalance balance = await _gateway.BalanceAsync(token);
        Assert.Equal(25_000_000, NanosOf(balance.Settled) - NanosOf(balance.Limit));
        Assert.Equal("false", HeaderOf(next, "x-should-retry"));
        Assert.Contains("project_spend_limit_exceeded", next.RawBody.ToStringUtf8(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gateway_that_starts_anew_finds_what_a_session_keeps_for_its_calls()
    {
        string token = await _gateway.OpenAsync(ceilings: CostOf(0, 30_000_000));
        await AskAsync("ai", DescriptorOf(token, hits: 0));
        await DisposeAsync();
        await InitializeAsync();

        await AskAsync("ai", DescriptorOf(token, hits: 40_000));

        Assert.Equal(40_000, (await _gateway.TokensAsync(token)).Settled);
    }

    [Fact]
    public async Task A_session_that_ended_pays_for_the_call_that_was_under_way()
    {
        string token = await _gateway.OpenAsync();
        await AskAsync("ai", DescriptorOf(token, hits: 0));
        await _gateway.Client.RevokeSessionAsync(new RevokeSessionRequest { SessionToken = token, Reason = "test" });
        long before = await SettledOnTenantAsync(await _gateway.OpenAsync());

        RateLimitResponse used = await AskAsync("ai", DescriptorOf(token, hits: 700));
        RateLimitResponse next = await AskAsync("ai", DescriptorOf(token, hits: 0));

        Assert.Equal(Code.OverLimit, used.OverallCode);
        Assert.Equal(Code.OverLimit, next.OverallCode);
        Assert.Equal(before + 700, await SettledOnTenantAsync(await _gateway.OpenAsync()));
    }

    [Fact]
    public async Task What_is_counted_before_the_call_is_not_spent_where_it_is_refused()
    {
        string token = await _gateway.OpenAsync(ceilings: CostOf(0, 1_000));

        RateLimitResponse fits = await AskAsync("asks", DescriptorOf(token));
        RateLimitResponse refused = await AskAsync("asks", DescriptorOf(token));

        Assert.Equal(Code.Ok, fits.OverallCode);
        Assert.Equal(Code.OverLimit, refused.OverallCode);
        Assert.Equal((0L, 1L), await _gateway.TokensAsync(token));
    }

    [Fact]
    public async Task A_shadow_rule_counts_and_never_says_that_a_limit_is_passed()
    {
        string token = await _gateway.OpenAsync(ceilings: CostOf(0, 20_000_000));

        await AskAsync("shadow", DescriptorOf(token, hits: 0));
        RateLimitResponse told = await AskAsync("shadow", DescriptorOf(token, hits: 25_000));

        Assert.Equal(Code.Ok, told.OverallCode);
        Assert.Equal(Code.Ok, told.Statuses[0].Code);
        Assert.Equal(0u, told.Statuses[0].LimitRemaining);
        Assert.Equal("SESSION_CEILING", MetadataOf(told, 0, "reason"));
        Assert.Equal(25_000, (await _gateway.TokensAsync(token)).Settled);
    }

    [Fact]
    public async Task Statuses_come_in_the_order_of_the_descriptors_and_one_over_is_over_for_all()
    {
        string open = await _gateway.OpenAsync(), spent = await _gateway.OpenAsync(ceilings: CostOf(0, 0));
        RateLimitDescriptor unknown = new() { Entries = { Entry("who", "knows") } };

        RateLimitResponse told = await AskAsync(
            "ai", DescriptorOf(open, hits: 0), unknown, DescriptorOf(spent, hits: 0));

        Assert.Equal(Code.OverLimit, told.OverallCode);
        Assert.Equal([Code.Ok, Code.Ok, Code.OverLimit], told.Statuses.Select(status => status.Code));
        Assert.Equal(uint.MaxValue, told.Statuses[1].LimitRemaining); // No rule is unlimited.
        Assert.Null(told.Statuses[1].CurrentLimit);
    }

    [Fact]
    public async Task Descriptors_that_lead_to_the_same_session_count_a_call_once()
    {
        string token = await _gateway.OpenAsync();
        RateLimitDescriptor more = DescriptorOf(token, hits: 500);
        more.Entries.Add(Entry("and", "more"));

        RateLimitResponse told = await AskAsync("ai", DescriptorOf(token, hits: 300), more);

        Assert.Equal(2, told.Statuses.Count);
        Assert.Equal(500, (await _gateway.TokensAsync(token)).Settled);
    }

    [Fact]
    public async Task A_descriptor_may_name_a_user_and_then_the_orchestrator_s_session_for_it_spends()
    {
        string probe = await _gateway.OpenAsync();
        long before = await SettledOnTenantAsync(probe);
        RateLimitDescriptor kim = UserOf("user:kim@acme.test"), other = UserOf("user:kim@acme.test");
        other.Entries[0].Value = "images";

        RateLimitResponse asked = await AskAsync("users", _asOrchestrator, kim);
        RateLimitResponse told = await AskAsync("users", _asOrchestrator, UserOf("user:kim@acme.test", 250));
        RateLimitResponse unruled = await AskAsync("users", _asOrchestrator, other);
        RpcException fault = await Assert.ThrowsAsync<RpcException>(
            () => AskAsync("users", _asGateway, UserOf("user:lee@acme.test")));

        Assert.Equal(Code.Ok, asked.OverallCode);
        Assert.Equal(Code.Ok, told.OverallCode);
        Assert.Equal(Code.Ok, unruled.OverallCode);
        Assert.Equal(before + 250, await SettledOnTenantAsync(probe));
        Assert.Equal(StatusCode.PermissionDenied, fault.StatusCode); // A gateway opens no session.

        static RateLimitDescriptor UserOf(string user, ulong hits = 0) => new()
        {
            Entries = { Entry("route", "chat"), Entry("x-user-id", user), Entry("team", "core") },
            HitsAddend = hits,
        };
    }

    [Theory]
    [InlineData("")]
    [InlineData("Bearer no.such.token")]
    public async Task No_session_is_over_the_limit_and_no_error_that_lets_the_call_pass(string key)
    {
        RateLimitResponse told = await AskAsync("ai", DescriptorOf(key, hits: 0));

        Assert.Equal(Code.OverLimit, told.OverallCode);
    }

    [Fact]
    public async Task A_model_without_a_price_is_over_the_limit()
    {
        RateLimitResponse told = await AskAsync("ai", DescriptorOf(await _gateway.OpenAsync(), "nameless", hits: 0));

        Assert.Equal(Code.OverLimit, told.OverallCode);
    }

    [Fact]
    public async Task Nobody_asks_without_the_credential_of_a_gateway_or_an_orchestrator()
    {
        string token = await _gateway.OpenAsync();
        Metadata agent = Bearer(await _gateway.CredentialAsync());
        Metadata forged = Bearer("abg_acme.c999." + new string('x', 43));

        foreach (Metadata headers in new[] { [], agent, forged, Bearer(_gateway.Silo.AdminKey), Bearer(token) })
        {
            RpcException fault = await Assert.ThrowsAsync<RpcException>(
                () => AskAsync("ai", headers, DescriptorOf(token, hits: 5)));
            Assert.Equal(StatusCode.Unauthenticated, fault.StatusCode);
        }

        Assert.Equal((0L, 0L), await _gateway.TokensAsync(token));
    }

    [Fact]
    public async Task What_cannot_be_counted_is_refused_by_name()
    {
        string token = await _gateway.OpenAsync();
        RateLimitDescriptor refund = DescriptorOf(token, hits: 5), limited = DescriptorOf(token, hits: 5);
        refund.IsNegativeHits = true;
        limited.Limit = new RateLimitDescriptor.Types.RateLimitOverride
        {
            RequestsPerUnit = 5,
            Unit = RateLimitUnit.Minute,
        };

        await RefusedAsync("is_negative_hits", "ai", refund);
        await RefusedAsync("limit", "ai", limited);
        await RefusedAsync("hits_addend", "ai", DescriptorOf(token, hits: ulong.MaxValue));
        await RefusedAsync("domain", "", DescriptorOf(token, hits: 5));
        await RefusedAsync("descriptors", "ai");
        Assert.Equal((0L, 0L), await _gateway.TokensAsync(token));
    }

    [Theory]
    [InlineData("tokens", "session=a", "", "model")]
    [InlineData("tokens", "model=a", "", "session")]
    [InlineData("tokens", "model=a,session=b", "agent=c", "agent")]
    [InlineData("tokens", "model=a,agent=b", "", "useCase")]
    [InlineData("bytes", "model=a,session=b", "", "unit")]
    [InlineData("tokens", "model=a", "session=b", "token is the caller's")]
    [InlineData("tokens", "model=a,session=b", "colour=c", "colour")]
    public void A_rule_that_cannot_be_meant_stops_the_start(string unit, string from, string set, string named)
    {
        GatewayOptionsException fault = Assert.Throws<GatewayOptionsException>(() => GatewayModel.From(
            new GatewayOptions
            {
                Listen = "127.0.0.1:0",
                Envoy = new EnvoyOptions
                {
                    Listen = "127.0.0.1:0",
                    Rules = [new EnvoyRuleOptions { Unit = unit, From = PairsOf(from), Set = PairsOf(set) }],
                },
            },
            _ => null));

        Assert.Contains(named, fault.Message, StringComparison.Ordinal);

        static Dictionary<string, string> PairsOf(string text) => text
            .Split(',', StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Split('='))
            .ToDictionary(pair => pair[0], pair => pair[1]);
    }

    private async Task RefusedAsync(string named, string domain, params RateLimitDescriptor[] descriptors)
    {
        RpcException fault = await Assert.ThrowsAsync<RpcException>(() => AskAsync(domain, descriptors));
        Assert.Equal(StatusCode.InvalidArgument, fault.StatusCode);
        Assert.Contains(named, fault.Status.Detail, StringComparison.Ordinal);
    }

    private Task<RateLimitResponse> AskAsync(string domain, params RateLimitDescriptor[] descriptors) =>
        AskAsync(domain, _asGateway, descriptors);

    private Task<RateLimitResponse> AskAsync(string domain, uint hits, params RateLimitDescriptor[] descriptors) =>
        AskAsync(
            new RateLimitRequest { Domain = domain, HitsAddend = hits, Descriptors = { descriptors } }, _asGateway);

    private Task<RateLimitResponse> AskAsync(
        string domain, Metadata headers, params RateLimitDescriptor[] descriptors) =>
        AskAsync(new RateLimitRequest { Domain = domain, Descriptors = { descriptors } }, headers);

    private async Task<RateLimitResponse> AskAsync(RateLimitRequest request, Metadata headers) =>
        await Limits.ShouldRateLimitAsync(request, headers, TestGateway.Deadline);

    private async Task<Metadata> HeadersOfAsync(string principal, Role role)
    {
        CreateCredentialResponse created = await _gateway.Client.CallAsync(
            _gateway.Client.Identities.CreateCredentialAsync,
            new CreateCredentialRequest { Principal = principal, Role = role },
            CancellationToken.None);
        return Bearer(created.Secret);
    }

    private async Task<long> SettledOnTenantAsync(string token)
    {
        GetBalanceResponse balance = await _gateway.Client.GetBalanceAsync(
            new GetBalanceRequest { SessionToken = token });
        return balance.Grains.Single(grain => grain.Grain == "tenants/acme").SettledTokens;
    }

    private static RateLimitDescriptor DescriptorOf(string token, string model = "m", ulong? hits = null) => new()
    {
        Entries = { Entry("authorization", token.Length > 0 ? $"Bearer {token}" : ""), Entry("model", model) },
        HitsAddend = hits,
    };

    private static RateLimitDescriptor SessionOnly(string token, ulong hits) => new()
    {
        Entries = { Entry("authorization", token) },
        HitsAddend = hits,
    };

    private static RateLimitDescriptor.Types.Entry Entry(string key, string value) =>
        new() { Key = key, Value = value };

    private static EnvoyRuleOptions Rule(
        string domain,
        Dictionary<string, string> from,
        string unit = "tokens",
        string whenOver = "record",
        long hold = 10_000,
        bool isShadow = false) => new()
        {
            Domain = domain,
            From = from,
            Unit = unit,
            WhenOver = whenOver,
            Hold = hold,
            Shadow = isShadow,
        };

    private static Ceilings CostOf(long units, int nanos = 0) => new()
    {
        CostPerSession = new Money { CurrencyCode = "USD", Units = units, Nanos = nanos },
    };

    private static long NanosOf(Money money) => (money.Units * 1_000_000_000) + money.Nanos;

    private static Metadata Bearer(string credential) => new() { { "authorization", $"Bearer {credential}" } };

    private static string HeaderOf(RateLimitResponse response, string name) =>
        response.ResponseHeadersToAdd.FirstOrDefault(header => header.Key == name)?.Value ?? "";

    private static string MetadataOf(RateLimitResponse response, int index, string name)
    {
        Struct status = response.DynamicMetadata.Fields["statuses"].ListValue.Values[index].StructValue;
        return status.Fields.TryGetValue(name, out Value? value) ? value.StringValue : "";
    }
}
