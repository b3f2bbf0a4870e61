using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using AgentBudget.Client.Tests.Support;
using AgentBudget.Protocol.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AgentBudget.Client.Tests;

[Collection(SharedBudgetCollection.Name)]
public sealed class OptionsTests(SharedBudget shared)
{
    private readonly TestBudget _budget = shared.Budget;

    public static TheoryData<string, Action<AgentBudgetClientOptions>> Faulty => new()
    {
        { "exactly one of Credential", options => options.Credential = null },
        { "exactly one of Credential", options => options.CredentialFile = "file" },
        { "Credential must be visible ASCII", options => options.Credential = "two words" },
        { "Tenant must be visible ASCII", options => options.Tenant = "" },
        { "Address must be http", options => options.Address = new Uri("ftp://127.0.0.1") },
        { "Address must be http", options => options.Address = new Uri("http://127.0.0.1/path") },
        { "cleartext to another machine", options => options.Address = new Uri("http://budget.example.com:7071") },
        { "CallTimeout must be", options => options.CallTimeout = TimeSpan.Zero },
        { "RetryDelay must be", options => options.RetryDelay = TimeSpan.FromMinutes(1) },
        { "RetryDelayMax must be", options => options.RetryDelayMax = TimeSpan.FromHours(1) },
        { "SpendStreams must be", options => options.SpendStreams = 0 },
        { "PendingCallsMax must be", options => options.PendingCallsMax = 0 },
    };

    [Theory]
    [MemberData(nameof(Faulty))]
    public void A_bad_option_is_a_sentence(string sentence, Action<AgentBudgetClientOptions> change)
    {
        AgentBudgetClientOptions options = new() { Credential = "abk_x" };
        change(options);

        OptionsValidationException made =
            Assert.Throws<OptionsValidationException>(() => new AgentBudgetClient(options));
        using ServiceProvider services = new ServiceCollection()
            .AddAgentBudgetClient(registered =>
            {
                registered.Credential = "abk_x";
                change(registered);
            })
            .BuildServiceProvider();
        OptionsValidationException resolved =
            Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<AgentBudgetClient>());

        Assert.Contains(made.Failures, fault => fault.Contains(sentence, StringComparison.Ordinal));
        Assert.Equal(made.Failures, resolved.Failures);
    }

    [Fact]
    public async Task A_registered_client_is_one_and_works()
    {
        await using ServiceProvider services = new ServiceCollection()
            .AddAgentBudgetClient(options =>
            {
                options.Address = _budget.Silo.GrpcAddress;
                options.Credential = _budget.Silo.AdminKey;
            })
            .BuildServiceProvider();
        AgentBudgetClient client = services.GetRequiredService<AgentBudgetClient>();

        GetBalanceResponse balance =
            await client.GetBalanceAsync(new GetBalanceRequest { Grain = TestBudget.UseCase });

        Assert.Single(balance.Grains);
        Assert.Same(client, services.GetRequiredService<AgentBudgetClient>());
    }

    [Fact]
    public async Task A_credential_file_is_read_again_when_its_credential_is_refused()
    {
        string folder = Directory.CreateTempSubdirectory("agentbudget-client-").FullName;
        string file = Path.Combine(folder, "credential");
        (string first, string name) = await GatewayAsync("gateway-1");
        (string second, _) = await GatewayAsync("gateway-2");
        await File.WriteAllTextAsync(file, first + "\n");
        string token = await _budget.OpenAsync();
        await using AgentBudgetClient client = _budget.ClientOf(options =>
        {
            options.Credential = null;
            options.CredentialFile = file;
        });

        await client.ReserveAsync(TestBudget.Reserve(token));
        await File.WriteAllTextAsync(file, second);
        await _budget.Client.CallAsync(
            _budget.Client.Identities.RevokeCredentialAsync,
            new RevokeCredentialRequest { Credential = name, Reason = "rotation", KeepSessions = true },
            CancellationToken.None);
        ReserveTokensResponse after = await client.ReserveAsync(TestBudget.Reserve(token));
        Directory.Delete(folder, recursive: true);

        Assert.Equal(Decision.Allow, after.Decision);
    }

    [Fact]
    public async Task A_provider_is_asked_for_another_credential_when_streams_end_with_the_old_one()
    {
        (string first, string name) = await GatewayAsync("gateway-3");
        (string second, _) = await GatewayAsync("gateway-4");
        string current = first;
        string token = await _budget.OpenAsync();
        await using AgentBudgetClient client = _budget.ClientOf(options =>
        {
            options.Credential = null;
            options.CredentialProvider = _ => ValueTask.FromResult(Volatile.Read(ref current));
            options.SpendStreams = 4;
        });

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => client.ReserveAsync(TestBudget.Reserve(token))));
        Volatile.Write(ref current, second);
        await _budget.Client.CallAsync(
            _budget.Client.Identities.RevokeCredentialAsync,
            new RevokeCredentialRequest { Credential = name, Reason = "rotation", KeepSessions = true },
            CancellationToken.None);
        ReserveTokensResponse[] after = await Task.WhenAll(
            Enumerable.Range(0, 40).Select(_ => client.ReserveAsync(TestBudget.Reserve(token))));

        Assert.All(after, answer => Assert.Equal(Decision.Allow, answer.Decision));
    }

    [Fact]
    public async Task A_credential_that_is_refused_or_cannot_be_read_fails_calls_at_once()
    {
        await using AgentBudgetClient unknown = _budget.ClientOf(options => options.Credential = "abg_acme.c9.wrong");
        await using AgentBudgetClient missing = _budget.ClientOf(options =>
        {
            options.Credential = null;
            options.CredentialFile = "/nowhere/credential";
        });

        AgentBudgetException spend =
            await Assert.ThrowsAsync<AgentBudgetException>(() => unknown.ReserveAsync(TestBudget.Reserve("t")));
        AgentBudgetException read = await Assert.ThrowsAsync<AgentBudgetException>(
            () => unknown.GetBalanceAsync(new GetBalanceRequest { Grain = TestBudget.UseCase }));
        AgentBudgetException unread =
            await Assert.ThrowsAsync<AgentBudgetException>(() => missing.ReserveAsync(TestBudget.Reserve("t")));

        Assert.Equal(("CREDENTIAL_INVALID", "CREDENTIAL_INVALID"), (spend.Reason, read.Reason));
        Assert.Contains("/nowhere/credential", unread.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_calls_than_may_wait_fail_at_once_with_what_to_do()
    {
        await using AgentBudgetClient client = _budget.ClientOf(options =>
        {
            options.PendingCallsMax = 1;
            options.Address = new Uri("http://127.0.0.1:9"); // Nobody there: calls wait.
            options.CallTimeout = TimeSpan.FromSeconds(1);
        });

        Task<ReserveTokensResponse> first = client.ReserveAsync(TestBudget.Reserve("t"));
        AgentBudgetException second =
            await Assert.ThrowsAsync<AgentBudgetException>(() => client.ReserveAsync(TestBudget.Reserve("t")));

        Assert.Contains("PendingCallsMax", second.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<AgentBudgetTimeoutException>(() => first);
    }

    [Fact]
    public async Task Calls_are_measured_and_traced()
    {
        ConcurrentBag<string> activities = [];
        ConcurrentBag<string> measured = [];
        using ActivityListener listener = new()
        {
            ShouldListenTo = source => source.Name == AgentBudgetTelemetry.ActivitySourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity => activities.Add($"{activity.OperationName} {activity.Status}"),
        };
        ActivitySource.AddActivityListener(listener);
        using MeterListener meters = new()
        {
            InstrumentPublished = (instrument, meter) =>
            {
                if (instrument.Meter.Name == AgentBudgetTelemetry.MeterName) meter.EnableMeasurementEvents(instrument);
            },
        };
        meters.SetMeasurementEventCallback<double>((instrument, _, tags, _) =>
            measured.Add($"{instrument.Name} {string.Join(' ', tags.ToArray().Select(tag => tag.Value))}"));
        meters.SetMeasurementEventCallback<int>((instrument, _, _, _) => measured.Add(instrument.Name));
        meters.Start();
        await using AgentBudgetClient client = _budget.ClientOf(_ => { });
        string token = await _budget.OpenAsync();

        await client.ReserveAsync(TestBudget.Reserve(token));
        await Assert.ThrowsAsync<AgentBudgetException>(() => client.ReserveAsync(TestBudget.Reserve("forged")));

        Assert.Contains("ReserveTokens Unset", activities);
        Assert.Contains("ReserveTokens Error", activities);
        Assert.Contains("OpenSession Unset", activities);
        Assert.Contains("agentbudget.client.call.duration ReserveTokens OK", measured);
        Assert.Contains("agentbudget.client.call.duration ReserveTokens Unauthenticated", measured);
        Assert.Contains("agentbudget.client.message.items", measured);
    }

    private async Task<(string Secret, string Name)> GatewayAsync(string principal)
    {
        CreateCredentialResponse made = await _budget.Client.CallAsync(
            _budget.Client.Identities.CreateCredentialAsync,
            new CreateCredentialRequest { Principal = principal, Role = Role.Gateway },
            CancellationToken.None);
        return (made.Secret, made.Credential.Credential_);
    }
}
