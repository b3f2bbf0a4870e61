using System.Net.Http.Headers;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

/// <summary>What a role reads is one rule, whatever it reads by.</summary>
public sealed class ReaderTests
{
    [Fact]
    public async Task Finance_reads_in_the_ledger_what_its_methods_answer_and_no_more()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse writer = await silo.CreateAsync(Role.Agent, "agents/writer");
        string finance = await silo.SecretAsync(Role.Finance, "desk");
        OpenSessionResponse opened = await silo.CallAsync<OpenSessionRequest, OpenSessionResponse>(
            "OpenSession",
            new OpenSessionRequest
            {
                RequestId = NextId(),
                UseCase = "useCases/promo",
                OnBehalfOf = "user:kim",
                Task = "merger talks",
            },
            writer.Secret);
        await silo.SpendAsync(writer.Secret, opened.SessionToken);
        await silo.CallAsync<SuspendAgentRequest, SuspendAgentResponse>(
            "SuspendAgent", new SuspendAgentRequest { RequestId = NextId(), Agent = "agents/sibling", Reason = "odd" });
        await silo.RevokeAsync(writer.Credential.Credential_);

        LedgerEvent[] finances = await ListAsync(silo, finance);
        LedgerEvent[] all = await ListAsync(silo, silo.AdminKey);

        Assert.Equal(all.Select(Shape), finances.Select(Shape));
        string text = string.Join('\n', finances.Select(one => one.ToString()));
        foreach (string hidden in (string[])["merger", "user:kim", "secretSha256", "credentials/c", "\"odd\""])
            Assert.DoesNotContain(hidden, text, StringComparison.Ordinal);
        LedgerEvent held = finances.Single(one => one.ReservationHeld is not null);
        Assert.Equal("useCases/promo", held.Spender.UseCase);
        Assert.True(held.ReservationHeld.CalculateSize() > 0, "Its spend is finance's to read.");
        Assert.All(
            finances.Where(one => one.CredentialCreated is not null),
            one => Assert.Equal(0, one.CredentialCreated.CalculateSize()));
        Assert.Equal(text, string.Join('\n', await WatchAsync(silo, finance, finances.Length)));
    }

    [Fact]
    public async Task No_view_of_the_ledger_has_the_hash_of_a_secret()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string auditor = await silo.SecretAsync(Role.Auditor, "deloitte");
        string admin = await silo.SecretAsync(Role.Admin, "root");
        foreach (string bearer in (string[])[auditor, admin, silo.AdminKey])
        {
            LedgerEvent[] listed = await ListAsync(silo, bearer);
            LedgerEvent[] created = [.. listed.Where(one => one.CredentialCreated is not null)];
            Assert.Equal(2, created.Length);
            Assert.All(created, one => Assert.True(one.CredentialCreated.SecretSha256.IsEmpty));
            Assert.All(created, one => Assert.NotEqual("", one.CredentialCreated.Principal));
            string watched = string.Join('\n', await WatchAsync(silo, bearer, listed.Length));
            using HttpRequestMessage export = new(HttpMethod.Get, $"http://{silo.Host.Http}/audit.jsonl?all=true");
            export.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
            using HttpResponseMessage exported = await silo.Http.SendAsync(export).WaitAsync(TestSilo.Patience);
            string lines = await exported.Content.ReadAsStringAsync();
            Assert.Contains("credentialCreated", watched, StringComparison.Ordinal);
            Assert.Contains("credentialCreated", lines, StringComparison.Ordinal);
            Assert.DoesNotContain("secretSha256", watched + lines, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Wrong_secrets_are_in_the_access_review_and_in_a_metric_and_the_right_one_is_taken_at_once()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse writer = await silo.CreateAsync(Role.Agent, "agents/writer");
        await silo.OpenAsync(writer.Secret, "agents/writer");
        string wrong = writer.Secret[..^2] + (writer.Secret[^2] == 'A' ? 'B' : 'A') + writer.Secret[^1];
        for (int i = 0; i < 9; i++)
            await RefusedAsync(StatusCode.Unauthenticated, () => silo.OpenAsync(wrong, "agents/writer"));
        Dictionary<string, string> form = new()
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = writer.Credential.KeyId,
            ["client_secret"] = wrong,
        };
        await silo.AskOAuthAsync("token", form);

        GetAccessReviewResponse review = await silo.CallAsync<GetAccessReviewRequest, GetAccessReviewResponse>(
            "GetAccessReview", new GetAccessReviewRequest());
        SuspectCredential attempted = Assert.Single(review.AttemptedCredentials);
        Assert.Equal((writer.Credential.Credential_, 10), (attempted.Credential, attempted.WrongSecrets));
        using HttpRequestMessage metrics = new(HttpMethod.Get, $"http://{silo.Host.Http}/metrics");
        metrics.Headers.Authorization = new AuthenticationHeaderValue("Bearer", silo.AdminKey);
        using HttpResponseMessage read = await silo.Http.SendAsync(metrics);
        Assert.Contains(
            "agentbudget_secrets_refused_total{credential=\"known\"} 10",
            await read.Content.ReadAsStringAsync(),
            StringComparison.Ordinal);
        await silo.OpenAsync(writer.Secret, "agents/writer");
        await silo.StopAsync(); // What a silo saw is told to the ledger, and known after a restart.
        await silo.StartAgainAsync();
        review = await silo.CallAsync<GetAccessReviewRequest, GetAccessReviewResponse>(
            "GetAccessReview", new GetAccessReviewRequest());
        Assert.Equal(10, Assert.Single(review.AttemptedCredentials).WrongSecrets);
    }

    private static (long, LedgerEvent.FactOneofCase, string) Shape(LedgerEvent one) =>
        (one.Sequence, one.FactCase, one.RequestId);

    private static async Task<LedgerEvent[]> ListAsync(TestSilo silo, string bearer) =>
        [.. (await silo.CallAsync<ListEntriesRequest, ListEntriesResponse>(
            "ListEntries", new ListEntriesRequest { PageSize = 1000 }, bearer)).Entries];

    private static async Task<List<string>> WatchAsync(TestSilo silo, string bearer, int count)
    {
        using CancellationTokenSource late = new(TestSilo.Patience);
        List<string> events = [];
        await foreach (WatchSpendResponse response in silo.WatchAsync(
            new WatchSpendRequest { FromSequence = 1 }, late.Token, bearer))
        {
            if (response.Event is { } one)
                events.Add(one.ToString());
            if (events.Count == count)
                break;
        }

        return events;
    }
}
