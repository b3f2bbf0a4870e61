using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Options;
using AgentBudget.Silo.Verify;
using AgentBudget.Storage;
using Grpc.Core;
using Microsoft.Data.Sqlite;

namespace AgentBudget.Silo.Tests;

/// <summary>What was signed shows what became of the ledger since.</summary>
public sealed class CheckpointTests
{
    [Fact]
    public async Task An_auditor_gets_a_signed_checkpoint_and_verifies_the_ledger_against_it()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string auditor = await silo.SecretAsync(Role.Auditor, "deloitte");
        GetCheckpointResponse signed = await CheckpointAsync(silo, auditor);
        await SpendAsync(silo);

        VerifyLedgerResponse verified = await VerifyAsync(silo, [signed.Signed], auditor);

        Assert.True(verified.Clean);
        Assert.Empty(verified.Findings);
        CheckpointResult result = Assert.Single(verified.Checkpoints);
        Assert.Equal((signed.Checkpoint, CheckpointState.Confirmed), (result.Checkpoint, result.State));
        GetCheckpointResponse later = await CheckpointAsync(silo, auditor);
        Assert.Equal(
            (later.Checkpoint.Sequence, later.Checkpoint.Hash), (verified.Sequence, verified.Hash));
        Assert.True(later.Checkpoint.Sequence > signed.Checkpoint.Sequence);
        VerifyLedgerResponse part = await silo.CallAsync<VerifyLedgerRequest, VerifyLedgerResponse>(
            "VerifyLedger", new VerifyLedgerRequest { LastSequence = 1 }, auditor);
        Assert.Equal((1, true), (part.Sequence, part.Clean));
    }

    [Fact]
    public async Task As_JSON_the_public_key_is_a_JSON_Web_Key_and_the_checkpoint_a_line()
    {
        await using TestSilo silo = await TestSilo.StartAsync();

        (HttpStatusCode status, JsonNode answer) = await silo.PostAsync("GetCheckpoint", []);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Matches("^[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+$", (string?)answer["signed"]);
        string file = Path.Combine(silo.DataFolder, "public.jwk");
        await File.WriteAllTextAsync(file, answer["publicKey"]!.ToJsonString());
        Assert.True(CheckpointVerifier.Load(file).TryRead((string)answer["signed"]!, out LedgerCheckpoint? read));
        Assert.Equal("acme", read.Tenant);
        (_, JsonNode verified) = await silo.PostAsync(
            "VerifyLedger", new JsonObject { ["checkpoints"] = new JsonArray((string)answer["signed"]!) });
        Assert.True((bool?)verified["clean"]);
    }

    [Fact]
    public async Task A_checkpoint_of_another_tenant_is_answered_like_one_that_nobody_signed()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string auditor = await silo.SecretAsync(Role.Auditor, "deloitte");
        await silo.ApplyAsync(
            Identity.Catalog.Replace("tenant: acme", "tenant: other", StringComparison.Ordinal), "other");
        GetCheckpointResponse foreign = await silo.CallAsync<GetCheckpointRequest, GetCheckpointResponse>(
            "GetCheckpoint", new GetCheckpointRequest(), metadata: Tenant("other"));
        using CheckpointKey wrong = CheckpointKey.LoadOrCreate(Path.Combine(silo.DataFolder, "wrong.key"));

        (HttpStatusCode Status, string Text)[] answers = new (HttpStatusCode, string)[3];
        string[] presented = [foreign.Signed, wrong.Sign(foreign.Checkpoint), "eyJ.forged.text"];
        for (int index = 0; index < presented.Length; index++)
        {
            (HttpStatusCode status, JsonNode body) = await silo.PostAsync(
                "VerifyLedger", new JsonObject { ["checkpoints"] = new JsonArray(presented[index]) }, auditor);
            answers[index] = (status, body.ToJsonString());
        }

        Assert.Equal(HttpStatusCode.BadRequest, answers[0].Status);
        Assert.Single(answers.Distinct());
        RpcException[] refused = new RpcException[2];
        string[] tenants = ["other", "absent"];
        for (int index = 0; index < tenants.Length; index++)
        {
            refused[index] = await Assert.ThrowsAsync<RpcException>(
                () => silo.CallAsync<GetCheckpointRequest, GetCheckpointResponse>(
                    "GetCheckpoint", new GetCheckpointRequest(), auditor, Tenant(tenants[index])));
            await Assert.ThrowsAsync<RpcException>(
                () => silo.CallAsync<VerifyLedgerRequest, VerifyLedgerResponse>(
                    "VerifyLedger", new VerifyLedgerRequest(), auditor, Tenant(tenants[index])));
        }

        Assert.Equal(
            (StatusCode.NotFound, refused[1].Status.Detail), (refused[0].StatusCode, refused[0].Status.Detail));
    }

    [Fact]
    public async Task A_request_that_cannot_be_is_refused_before_anything_is_read()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        GetCheckpointResponse signed = await CheckpointAsync(silo);
        foreach ((VerifyLedgerRequest request, string sentence) in new (VerifyLedgerRequest, string)[]
            {
                (new VerifyLedgerRequest { LastSequence = -1 }, "last_sequence"),
                (new VerifyLedgerRequest { Checkpoints = { Enumerable.Repeat(signed.Signed, 101) } }, "at most 100"),
            })
        {
            RpcException refused = await Identity.RefusedAsync(
                StatusCode.InvalidArgument,
                () => silo.CallAsync<VerifyLedgerRequest, VerifyLedgerResponse>("VerifyLedger", request));
            Assert.Contains(sentence, refused.Status.Detail, StringComparison.Ordinal);
        }

        await SpendAsync(silo);
        VerifyLedgerRequest early = new() { LastSequence = 1, Checkpoints = { (await CheckpointAsync(silo)).Signed } };
        RpcException after = await Identity.RefusedAsync(
            StatusCode.InvalidArgument,
            () => silo.CallAsync<VerifyLedgerRequest, VerifyLedgerResponse>("VerifyLedger", early));
        Assert.Contains("must not be after last_sequence", after.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_that_was_put_back_whole_is_not_served_and_found_by_one_command()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        await SpendAsync(silo);
        await silo.StopAsync();
        string copy = Copy(Ledger(silo));
        long early = await SequenceAsync(silo);
        await silo.StartAgainAsync();
        await SpendAsync(silo);
        await silo.StopAsync();
        Assert.Equal(ExitCodes.Ok, (await OfflineAsync(silo)).Code);

        // Database, log and completeness marker, all of one earlier moment.
        Directory.Delete(Ledger(silo), recursive: true);
        Directory.Move(copy, Ledger(silo));

        await AssertCutOffAsync(silo, early);
    }

    [Fact]
    public async Task Groups_that_were_deleted_are_found_although_the_marker_agrees()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        await SpendAsync(silo);
        await silo.StopAsync();
        byte[] marker = await File.ReadAllBytesAsync(Path.Combine(Ledger(silo), "ledger.marker"));
        long early = await SequenceAsync(silo);
        await silo.StartAgainAsync();
        await SpendAsync(silo);
        await silo.StopAsync();

        Sql(silo, $"DELETE FROM journal WHERE first_event > {early}");
        Sql(silo, "DELETE FROM snapshot");
        await File.WriteAllBytesAsync(Path.Combine(Ledger(silo), "ledger.marker"), marker);

        await AssertCutOffAsync(silo, early);
    }

    [Fact]
    public async Task An_edited_byte_is_found_at_its_group_before_any_checkpoint()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        await SpendAsync(silo);
        await silo.StopAsync();

        string database = Path.Combine(Ledger(silo), "ledger.db");
        byte[] file = await File.ReadAllBytesAsync(database);
        int place = file.AsSpan().IndexOf("user:kim@acme.test"u8);
        file[place] ^= 1;
        await File.WriteAllBytesAsync(database, file);

        (int code, string output, _) = await OfflineAsync(silo);
        Assert.Equal(ExitCodes.Data, code);
        Assert.Matches("event [0-9]+, group [0-9]+, rule chain: .*its bytes do not match its hash", output);
        Assert.Contains("0 of 1 checkpoints confirmed", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_ledger_that_was_written_anew_is_found_online_and_by_one_command()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        await SpendAsync(silo);
        GetCheckpointResponse signed = await CheckpointAsync(silo);
        await silo.StopAsync();

        // A ledger of the same tenant, sound in itself, that another silo wrote; longer, so that nothing is missing.
        await using TestSilo forger = await TestSilo.StartAsync();
        await SpendAsync(forger);
        await SpendAsync(forger);
        await forger.StopAsync();
        Directory.Delete(Ledger(silo), recursive: true);
        Directory.Move(Ledger(forger), Ledger(silo));

        (int code, string output, _) = await OfflineAsync(silo);
        Assert.Equal(ExitCodes.Data, code);
        Assert.Contains("rule checkpoint: the hash signed for event ", output, StringComparison.Ordinal);
        StoreException refused = await Assert.ThrowsAsync<StoreException>(() => silo.StartAgainAsync());
        Assert.Contains("is another there", refused.Message, StringComparison.Ordinal);

        // Whoever writes it anew takes the silo's own file away too; the auditor has kept a line.
        File.Delete(Checkpoints(silo));
        await silo.StartAgainAsync();
        VerifyLedgerResponse verified = await VerifyAsync(silo, [signed.Signed]);
        Assert.False(verified.Clean);
        Assert.Equal(CheckpointState.Rewritten, Assert.Single(verified.Checkpoints).State);
        LedgerFinding finding = verified.Findings[0];
        Assert.Equal(("checkpoint", signed.Checkpoint.Sequence), (finding.Rule, finding.Sequence));
    }

    [Fact]
    public async Task Checkpoints_of_another_key_are_refused_at_the_start_and_by_the_command()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        await silo.StopAsync();
        string key = Path.Combine(silo.DataFolder, "checkpoint.key");
        string kept = await File.ReadAllTextAsync(key);
        File.Delete(key);

        StoreException refused = await Assert.ThrowsAsync<StoreException>(() => silo.StartAgainAsync());

        Assert.Contains("ledger.checkpoints, line 1: no checkpoint", refused.Message, StringComparison.Ordinal);
        (int code, _, string errors) = await OfflineAsync(silo);
        Assert.Equal(ExitCodes.Data, code);
        Assert.Contains("line 1: no checkpoint that was signed with the key", errors, StringComparison.Ordinal);
        await File.WriteAllTextAsync(key, kept);
        await silo.StartAgainAsync();
    }

    [Fact]
    public async Task An_auditor_verifies_a_copy_with_what_was_kept_elsewhere()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        string folder = Directory.CreateTempSubdirectory("agentbudget-auditor-").FullName;
        string line = Path.Combine(folder, "acme.checkpoints");
        string key = Path.Combine(folder, "public.jwk");
        GetCheckpointResponse signed = await CheckpointAsync(silo);
        await File.WriteAllTextAsync(line, $"# acme\n{signed.Signed}\n");
        await File.WriteAllTextAsync(key, signed.PublicKey.ToString());
        await SpendAsync(silo);
        await silo.StopAsync();

        (int code, string output, _) = await OfflineAsync(silo, "--checkpoint", line, "--checkpoint-key", key);
        Assert.Equal(ExitCodes.Ok, code);
        Assert.Contains(
            $"1 of 1 checkpoints confirmed, the last one of event {signed.Checkpoint.Sequence}", output);

        (code, _, string errors) = await OfflineAsync(silo, "--checkpoint", line + ".missing");
        Assert.Equal(ExitCodes.Usage, code);
        Assert.Contains("does not exist", errors, StringComparison.Ordinal);
        (code, _, errors) = await OfflineAsync(silo, "--checkpoint-key", key + ".missing");
        Assert.Equal(ExitCodes.Usage, code);
        Assert.Contains("no key", errors, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    private static async Task AssertCutOffAsync(TestSilo silo, long lastEvent)
    {
        (int code, string output, _) = await OfflineAsync(silo);
        Assert.Equal(ExitCodes.Data, code);
        Assert.Contains($"WRONG: 1 findings, first at event {lastEvent + 1}", output, StringComparison.Ordinal);
        Assert.Contains($"rule checkpoint: the journal ends at event {lastEvent} and was signed up to event ", output);
        StoreException refused = await Assert.ThrowsAsync<StoreException>(() => silo.StartAgainAsync());
        Assert.Contains("ends before it", refused.Message, StringComparison.Ordinal);

        // Restored from a backup on purpose, it is served once its checkpoints are put away.
        File.Delete(Checkpoints(silo));
        await silo.StartAgainAsync();
        Assert.True((await VerifyAsync(silo, [])).Clean);
    }

    private static Dictionary<string, string> Tenant(string tenant) => new() { ["agentbudget-tenant"] = tenant };

    private static string Ledger(TestSilo silo) => Path.Combine(silo.DataFolder, "ledger");

    private static string Checkpoints(TestSilo silo) => Path.Combine(silo.DataFolder, "ledger.checkpoints");

    // Where the silo's own file says that the ledger ends.
    private static async Task<long> SequenceAsync(TestSilo silo)
    {
        CheckpointVerifier verifier = CheckpointVerifier.Load(Path.Combine(silo.DataFolder, "checkpoint.key"));
        string line = (await File.ReadAllTextAsync(Checkpoints(silo))).Trim();
        Assert.True(verifier.TryRead(line, out LedgerCheckpoint? checkpoint));
        return checkpoint.Sequence;
    }

    private static async Task SpendAsync(TestSilo silo)
    {
        OpenSessionResponse opened = await silo.OpenAsync(Identity.NextId());
        ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, "r1");
        await silo.CommitAsync(opened.SessionToken, "c1", reserved.Reservation.ReservationId, input: 1000);
    }

    private static Task<GetCheckpointResponse> CheckpointAsync(TestSilo silo, string? bearer = null) =>
        silo.CallAsync<GetCheckpointRequest, GetCheckpointResponse>(
            "GetCheckpoint", new GetCheckpointRequest(), bearer);

    private static Task<VerifyLedgerResponse> VerifyAsync(TestSilo silo, string[] checkpoints, string? bearer = null) =>
        silo.CallAsync<VerifyLedgerRequest, VerifyLedgerResponse>(
            "VerifyLedger", new VerifyLedgerRequest { Checkpoints = { checkpoints } }, bearer);

    private static async Task<(int Code, string Output, string Errors)> OfflineAsync(
        TestSilo silo, params string[] arguments)
    {
        StringWriter output = new();
        StringWriter errors = new();
        SiloCommand command = new(model => VerifyProcess.RunAsync(model, output, errors));
        int code = await command.InvokeAsync(["--data", silo.DataFolder, "--verify", .. arguments], errors);
        return (code, output.ToString(), errors.ToString());
    }

    private static string Copy(string folder)
    {
        string copy = folder + ".copy";
        DirectoryInfo target = Directory.CreateDirectory(copy);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(target.FullName, File.GetUnixFileMode(folder));
        foreach (string file in Directory.GetFiles(folder))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return copy;
    }

    private static void Sql(TestSilo silo, string sql)
    {
        using SqliteConnection connection = new($"Data Source={Path.Combine(Ledger(silo), "ledger.db")};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
