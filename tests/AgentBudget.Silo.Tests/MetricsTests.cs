using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using static AgentBudget.Silo.Tests.Identity;
using Struct = Google.Protobuf.WellKnownTypes.Struct;
using Value = Google.Protobuf.WellKnownTypes.Value;

namespace AgentBudget.Silo.Tests;

/// <summary>What a silo measures, as it is served.</summary>
public sealed partial class MetricsTests
{
    [Fact]
    public async Task Every_metric_that_is_served_is_in_the_document_and_every_one_there_is_served()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        await SpendAllWaysAsync(silo);
        Dictionary<string, double> samples = await ReadAsync(silo);

        (string Name, string Type, string[] Labels)[] documented = [.. Documented()];
        string text = await TextAsync(silo);
        string[] families =
            [.. text.Split('\n').Where(line => line.StartsWith("# TYPE ", StringComparison.Ordinal))];
        Assert.Equal(
            documented.Select(metric => $"# TYPE {metric.Name} {metric.Type}").Order(StringComparer.Ordinal),
            families.Where(IsOwn).Order(StringComparer.Ordinal));
        Assert.All(
            families.Where(family => !IsOwn(family)),
            family => Assert.Contains(family["# TYPE ".Length..].Split('_')[0], (string[])["kestrel", "orleans"]));
        foreach ((string name, string type, string[] labels) in documented)
        {
            string sample = type == "histogram" ? name + "_bucket" : name;
            IEnumerable<string> served = samples.Keys.Where(key => NameOf(key) == sample);
            Assert.NotEmpty(served);
            string[] expected = type == "histogram" ? ["le"] : labels;
            Assert.All(served, key => Assert.Equal(expected, LabelsIn(key)));
        }
    }

    [Fact]
    public async Task Every_metric_moves_with_what_it_counts()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        Dictionary<string, double> before = await ReadAsync(silo);
        await SpendAllWaysAsync(silo);
        Dictionary<string, double> after = await ReadAsync(silo);

        double Moved(string sample) => after.GetValueOrDefault(sample) - before.GetValueOrDefault(sample);
        const string spend = "agentbudget.v1.BudgetService/";
        Assert.Equal(3, Moved($$"""agentbudget_rpc_calls_total{code="ok",method="{{spend}}ReserveTokens"}"""));
        Assert.Equal(
            1, Moved($$"""agentbudget_rpc_calls_total{code="unauthenticated",method="{{spend}}ReserveTokens"}"""));
        Assert.Equal(1, Moved($$"""agentbudget_rpc_calls_total{code="ok",method="{{spend}}CommitTokens"}"""));
        Assert.Equal(1, Moved($$"""agentbudget_rpc_calls_total{code="ok",method="{{spend}}Spend"}"""));
        Assert.Equal(1, Moved("""agentbudget_rpc_calls_total{code="unimplemented",method="unknown"}"""));
        Assert.Equal(3, Moved("""agentbudget_decisions_total{decision="allow",reason=""}"""));
        Assert.Equal(
            1, Moved("""agentbudget_decisions_total{decision="deny",reason="model_out_of_scope"}"""));
        Assert.Equal(700, Moved("agentbudget_settled_tokens_total"));
        const string unread = "agentbudget_report_keys_unread_total";
        Assert.Equal(1, Moved($$"""{{unread}}{dialect="anthropic",key="prompt_tokens"}"""));
        Assert.Equal(2, Moved($$"""{{unread}}{dialect="anthropic",key="other"}"""));
        Assert.Equal(3, Moved("""agentbudget_ledger_events_total{fact="reservation_held"}"""));
        Assert.Equal(2, Moved("""agentbudget_ledger_events_total{fact="session_opened"}"""));
        Assert.Equal(1, Moved("agentbudget_sessions")); // Two were opened, one was ended.
        double appends = Moved("""agentbudget_appends_total{outcome="appended"}""");
        Assert.InRange(appends, 1, 20);
        Assert.Equal(appends, Moved("agentbudget_append_seconds_count"));
        Assert.Equal(appends, Moved("agentbudget_group_events_count"));
        Assert.Equal(appends, Moved("""agentbudget_group_events_bucket{le="+Inf"}"""));
        Assert.True(Moved("agentbudget_append_seconds_sum") > 0);
        double events = after.Where(pair => NameOf(pair.Key) == "agentbudget_ledger_events_total")
            .Sum(pair => pair.Value);
        Assert.Equal(events, after["agentbudget_group_events_sum"]);
        Assert.Equal(after["agentbudget_append_seconds_count"], after["agentbudget_group_events_count"]);
        Assert.Equal(1, after["""agentbudget_tenants{state="active"}"""]);
        Assert.Equal(0, after["""agentbudget_commands_waiting{kind="command"}"""]);
        Assert.True(after["agentbudget_rpc_connections"] >= 2); // This one, and the client's over gRPC.
    }

    [Fact]
    public async Task Metrics_are_for_the_operator_and_for_the_key_that_reads_nothing_else()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string key = (await File.ReadAllTextAsync(Path.Combine(silo.DataFolder, "metrics.key"))).Trim();
        foreach (string bearer in (string[])[key, silo.AdminKey])
        {
            using HttpResponseMessage response = await SendAsync(silo, HttpMethod.Get, "/metrics", bearer);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal("text/plain", response.Content.Headers.ContentType!.MediaType);
            Assert.True(response.Headers.CacheControl!.NoStore);
        }

        using (HttpResponseMessage head = await SendAsync(silo, HttpMethod.Head, "/metrics", key))
            Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        List<string> others = [];
        foreach (Role role in Enum.GetValues<Role>().Where(role => role != Role.Unspecified))
        {
            others.Add(await silo.SecretAsync(
                role,
                role == Role.Agent ? "agents/writer" : "somebody",
                role == Role.Owner ? ["useCases/promo"] : null));
        }

        others.Add((await silo.OpenAsync(silo.AdminKey, "agents/writer")).SessionToken);
        foreach (string bearer in others)
            Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(silo, "/metrics", bearer));
        string wrong = key[..^2] + (key[^2] == 'A' ? 'B' : 'A') + key[^1];
        foreach (string bearer in (string[])[wrong, "abm_", "x"])
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(silo, "/metrics", bearer));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(silo, "/metrics", bearer: null));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(silo, "/audit.jsonl", key));
        await RefusedAsync(StatusCode.PermissionDenied, () => silo.OpenAsync(key, "agents/writer"));
        await RefusedAsync(
            StatusCode.PermissionDenied,
            () => silo.CallAsync<GetCatalogRequest, GetCatalogResponse>("GetCatalog", new GetCatalogRequest(), key));
    }

    [Fact]
    public async Task No_label_is_a_callers_word()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        await SpendAllWaysAsync(silo);
        string text = await TextAsync(silo);
        foreach (string word in (string[])
            ["acme", "writer", "promo", "sessions/", "Nowhere", "crm.read", "kim", "eyJ", "abk_", "aba_", "abm_"])
        {
            Assert.DoesNotContain(word, text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Two_silos_in_one_process_count_their_own()
    {
        await using TestSilo one = await TestSilo.StartAsync(Identity.Catalog);
        await using TestSilo other = await TestSilo.StartAsync(Identity.Catalog);
        await SpendAllWaysAsync(one);
        Assert.Equal(
            3, (await ReadAsync(one))["""agentbudget_decisions_total{decision="allow",reason=""}"""]);
        Assert.Equal(
            0, (await ReadAsync(other))["""agentbudget_decisions_total{decision="allow",reason=""}"""]);
    }

    // Three holds, one of them through a stream and one committed; a refusal; a caller without a credential; a method
    // that nobody serves; two sessions, one of them ended.
    private static async Task SpendAllWaysAsync(TestSilo silo)
    {
        OpenSessionResponse opened = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        OpenSessionResponse ended = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        string token = opened.SessionToken;
        ReserveTokensResponse held = await silo.SpendAsync(silo.AdminKey, token);
        await silo.SpendAsync(silo.AdminKey, token);
        await CommitReportAsync(silo, token, held.Reservation.ReservationId);
        ReserveTokensResponse refused = await silo.ReserveAsync(token, NextId(), change: r => r.Model = "elsewhere");
        Assert.Equal(Reason.ModelOutOfScope, refused.Denial.Reason);
        await RefusedAsync(StatusCode.Unauthenticated, () => silo.SpendAsync("nobody", token));
        using (AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream = silo.OpenSpend())
        {
            ReserveTokensRequest item = new()
            {
                RequestId = NextId(),
                SessionToken = token,
                Model = "m",
                Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 0 },
            };
            await stream.RequestStream.WriteAsync(new SpendRequest { CorrelationId = 1, Reserve = item });
            Assert.NotNull(await stream.NextAsync());
            await stream.RequestStream.CompleteAsync();
            Assert.Null(await stream.NextAsync());
        }

        using HttpResponseMessage unknown = await SendAsync(
            silo, HttpMethod.Post, "/agentbudget.v1.BudgetService/Nowhere", silo.AdminKey);
        await silo.CallAsync<EndSessionRequest, EndSessionResponse>(
            "EndSession", new EndSessionRequest { RequestId = NextId(), SessionToken = ended.SessionToken });
    }

    // 700 tokens, and of the keys beside them one that another dialect knows and two that are a caller's words.
    private static async Task CommitReportAsync(TestSilo silo, string token, string reservation)
    {
        var report = new Struct { Fields = { ["input_tokens"] = Value.ForNumber(700) } };
        string[] unread = ["prompt_tokens", "kim_says", "crm.read"];
        foreach (string key in unread) report.Fields[key] = Value.ForNumber(1);
        CommitTokensResponse committed = await silo.CallAsync<CommitTokensRequest, CommitTokensResponse>(
            "CommitTokens",
            new CommitTokensRequest
            {
                RequestId = NextId(),
                SessionToken = token,
                ReservationId = reservation,
                ProviderUsage = new ProviderUsage { Anthropic = report },
            });
        Assert.Equal(unread.Order(StringComparer.Ordinal), committed.Unread.Order(StringComparer.Ordinal));
    }

    // The rows of the document's table: metric, type, labels.
    private static IEnumerable<(string Name, string Type, string[] Labels)> Documented() =>
        File.ReadLines(Path.Combine(AppContext.BaseDirectory, "docs", "metrics.md"))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Split('|'))
            .Select(cells => (
                cells[1].Trim(' ', '`'),
                cells[2].Trim(),
                Quoted().Matches(cells[3]).Select(match => match.Groups[1].Value).ToArray()));

    // Every sample with its value; the text is read as Prometheus has it, and nothing else is in it.
    private static async Task<Dictionary<string, double>> ReadAsync(TestSilo silo)
    {
        Dictionary<string, double> samples = [];
        string text = await TextAsync(silo);
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        foreach (string line in text.TrimEnd('\n').Split('\n'))
        {
            if (Comment().IsMatch(line))
                continue;
            Match sample = Sample().Match(line);
            Assert.True(sample.Success, line);
            samples.Add(
                Sorted(sample.Groups["sample"].Value),
                double.Parse(sample.Groups["value"].Value, NumberStyles.Float, CultureInfo.InvariantCulture));
        }

        return samples;
    }

    private static bool IsOwn(string family) => family.StartsWith("# TYPE agentbudget_", StringComparison.Ordinal);

    // With the labels in the order of the alphabet, since the order says nothing.
    private static string Sorted(string sample)
    {
        string[] labels = [.. Label().Matches(sample).Select(match => match.Value[..^1]).Order(StringComparer.Ordinal)];
        return labels.Length == 0 ? sample : $"{NameOf(sample)}{{{string.Join(',', labels)}}}";
    }

    private static string NameOf(string sample) => sample.Split('{')[0];

    private static string[] LabelsIn(string sample) =>
        [.. Label().Matches(sample).Select(match => match.Groups[1].Value)];

    private static async Task<string> TextAsync(TestSilo silo)
    {
        using HttpResponseMessage response = await SendAsync(silo, HttpMethod.Get, "/metrics", silo.AdminKey);
        return await response.Content.ReadAsStringAsync();
    }

    private static async Task<HttpStatusCode> StatusAsync(TestSilo silo, string path, string? bearer)
    {
        using HttpResponseMessage response = await SendAsync(silo, HttpMethod.Get, path, bearer);
        return response.StatusCode;
    }

    private static async Task<HttpResponseMessage> SendAsync(
        TestSilo silo, HttpMethod verb, string path, string? bearer)
    {
        using HttpRequestMessage request = new(verb, $"http://{silo.Host.Http}{path}");
        if (bearer is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        return await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
    }

    [GeneratedRegex("`([a-z_]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex("^# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge|histogram)|UNIT [a-z_]+ [a-z]+|EOF)$")]
    private static partial Regex Comment();

    [GeneratedRegex("""^(?<sample>[a-z_]+(\{([A-Za-z_]+="[^"]*",?)+\})?)(\{\})? (?<value>\S+)( [0-9]+)?$""")]
    private static partial Regex Sample();

    [GeneratedRegex("""([A-Za-z_]+)="[^"]*"[,}]""")]
    private static partial Regex Label();
}
