using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Notifications;
using AgentBudget.Notifications.Sending;
using AgentBudget.Silo.Options;
using AgentBudget.Silo.Stores;

namespace AgentBudget.Silo.Tests;

public sealed class OptionsTests
{
    [Fact]
    public async Task Without_options_the_defaults_hold()
    {
        (int code, SiloModel? model, _) = await RunAsync();

        Assert.Equal(0, code);
        Assert.Equal(Path.GetFullPath("data"), model!.Data);
        Assert.Equal("127.0.0.1:7070", model.Http.ToString());
        Assert.Equal("127.0.0.1:7071", model.Grpc.ToString());
        Assert.False(model.IsDemo);
        Assert.True(model.HasDashboard);
        Assert.False(model.IsDashboardOpen);
        Assert.False(model.IsExposed);
        Assert.Null(model.CatalogPath);
    }

    [Fact]
    public async Task The_embedded_file_says_the_defaults()
    {
        string file = Path.Combine(AppContext.BaseDirectory, "silo-config", "embedded.json");

        (int code, SiloModel? model, string errors) = await RunAsync("--config", file);

        Assert.Equal((0, ""), (code, errors));
        Assert.Equal((await RunAsync()).Model, model);
    }

    [Fact]
    public async Task The_command_line_wins_over_the_environment_and_that_over_the_file()
    {
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            file, """{ "http": "127.0.0.1:1001", "grpc": "127.0.0.1:1002", "data": "from-file" }""");
        Dictionary<string, string> environment = new()
        {
            ["AGENTBUDGET_CONFIG"] = file,
            ["AGENTBUDGET_GRPC"] = "127.0.0.1:2002",
            ["AGENTBUDGET_DATA"] = "from-environment",
        };

        (_, SiloModel? model, _) = await RunInAsync(environment, "--data", "from-line");

        File.Delete(file);
        Assert.Equal(1001, model!.Http.Port);
        Assert.Equal(2002, model.Grpc.Port);
        Assert.Equal(Path.GetFullPath("from-line"), model.Data);
    }

    [Theory]
    [InlineData("--http", "nowhere", "http must be HOST:PORT")]
    [InlineData("--http", "127.0.0.1", "http must be HOST:PORT")]
    [InlineData("--grpc", "127.0.0.1:70000", "grpc must be HOST:PORT")]
    [InlineData("--grpc", "127.0.0.1:7070", "need a port each")]
    [InlineData("--store", "postgres", "cluster:postgres must name the database")]
    [InlineData("--gateway", "nowhere", "gateway:listen must be HOST:PORT")]
    [InlineData("--store", "azure", "cluster:azure must name the storage account")]
    [InlineData("--store", "redis", "must be sqlite, postgres or azure")]
    [InlineData("--postgres", "nonsense", "cluster:postgres must be Host=")]
    [InlineData("--postgres", "Host=127.0.0.1;Database=b", "store must be postgres or azure")]
    [InlineData("--azure", "UseDevelopmentStorage=true", "store must be postgres or azure")]
    [InlineData("--silo-address", "0.0.0.0", "cluster:address must be HOST:PORT")]
    [InlineData("--directory", "none", "cluster:directory must be distributed or local")]
    [InlineData("--catalog", "missing.yaml", "does not exist")]
    [InlineData("--config", "missing.json", "does not exist")]
    [InlineData("--issuer", "https://budget.example.com/path", "identity:issuer must be a URL without a path")]
    [InlineData("--trusted-issuers", "missing.json", "identity:trustedIssuers must name a file")]
    [InlineData("--origins", "budget.example.com", "origins must be schemes, hosts and ports")]
    [InlineData("--smtp", "smtp.acme.test", "notifications:smtp must be HOST:PORT")]
    [InlineData("--smtp", "smtp.acme.test:587", "notifications:smtpFrom must be given too")]
    [InlineData("--smtp-from", "not an address", "notifications:smtpFrom must be a mail address")]
    [InlineData("--smtp-from", "budget@acme.test", "notifications:smtp must be given too")]
    [InlineData("--smtp-password-file", "missing.txt", "notifications:smtpPasswordFile must name a file")]
    [InlineData("--otlp", "127.0.0.1:4317", "telemetry:otlp must be a URL")]
    [InlineData("--data", "", "must be a path")]
    [InlineData("--azure", "x", "cluster:azure must be DefaultEndpointsProtocol=https;")]
    [InlineData("--mongo", "x", "--mongo")]
    [InlineData("--demo", "maybe", "maybe")]
    [InlineData("--dashboard", "maybe", "dashboard must be loopback, on or off")]
    [InlineData("--checkpoints", "data/ledger/kept", "apart from the store")]
    [InlineData("--checkpoint-key", "data/ledger/key", "apart from the store")]
    [InlineData("--checkpoint", "", "must be a path")]
    public async Task A_bad_option_ends_in_a_sentence_and_exit_code_64(string option, string value, string sentence)
    {
        (int code, SiloModel? model, string errors) = await RunAsync(option, value);

        Assert.Equal(64, code);
        Assert.Null(model);
        Assert.Contains(sentence, errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "htp": "127.0.0.1:1" }""", "line 1: htp is not a key")]
    [InlineData("""{ "htp": null }""", "line 1: htp is not a key")]
    [InlineData("{ \"tls\":\n{ \"certficate\": \"a\" } }", "line 2: tls:certficate is not a key")]
    [InlineData("{ // a comment\n\"http\": [1] }", "line 2: http must be a single value")]
    [InlineData("""{ "http": { "port": 1 } }""", "http must be a single value")]
    [InlineData("""{ "tls": "127.0.0.1:1" }""", "tls holds keys of its own: tls:endPoint, ")]
    [InlineData("""{ "data": "a", "data": "b" }""", "duplicate key 'data'")]
    [InlineData("""{ "tls": { "endPoint": "[::1]:0" } }""", "tls:certificate must name a file in PEM")]
    [InlineData("""["data"]""", "must be an object")]
    [InlineData("""{ "demo": "perhaps" }""", "demo must be true or false, not perhaps.")]
    [InlineData("{\n\"data\" }", "line 2: not readable as JSON")]
    [InlineData("", "not readable as JSON")]
    public async Task A_bad_file_is_named_with_its_line(string content, string sentence)
    {
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, content);
        try
        {
            (int code, _, string errors) = await RunAsync("--config", file);

            Assert.Equal(64, code);
            Assert.Contains(sentence, errors, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("AGENTBUDGET_TLS__CERTFICATE", "AGENTBUDGET_TLS__CERTFICATE is not read; the variables are ")]
    [InlineData("AGENTBUDGET_TLS_CLIENT_CA", "is not read; AGENTBUDGET_TLS__CLIENTCA is.")]
    [InlineData("AGENTBUDGET_TLS", "is not read; AGENTBUDGET_TLS__ENDPOINT is.")]
    [InlineData("AGENTBUDGET_data", "is not read; AGENTBUDGET_DATA is.")]
    [InlineData("AGENTBUDGET_PORT_7070_TCP", "")]
    public async Task A_variable_that_was_meant_as_a_key_and_is_none_is_named(string name, string sentence)
    {
        (int code, _, string errors) = await RunInAsync(new() { [name] = "x" });

        Assert.Equal(sentence.Length > 0 ? 64 : 0, code);
        Assert.Contains(sentence, errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_setting_reaches_the_silo_from_the_line_the_environment_and_a_file()
    {
        string file = Path.GetTempFileName();
        string other = Path.GetTempFileName();
        await File.WriteAllTextAsync(other, "[]");
        Dictionary<string, string> values = new()
        {
            ["data"] = "elsewhere",
            ["http"] = "127.0.0.1:1",
            ["grpc"] = "127.0.0.1:2",
            ["tls:endPoint"] = "127.0.0.1:3",
            ["tls:certificate"] = other,
            ["tls:key"] = file,
            ["tls:clients"] = "optional",
            ["tls:clientCa"] = other,
            ["origins"] = "https://a.test, *",
            ["catalog"] = other,
            ["store"] = "postgres",
            ["cluster:postgres"] = "Host=127.0.0.1;Database=budget",
            ["cluster:azure"] = "UseDevelopmentStorage=true",
            ["cluster:key"] = other,
            ["cluster:address"] = "192.0.2.1:4",
            ["cluster:certificate"] = other,
            ["cluster:certificateKey"] = file,
            ["cluster:ca"] = other,
            ["cluster:directory"] = "local",
            ["gateway:listen"] = "127.0.0.1:5",
            ["dashboard"] = "on",
            ["demo"] = "true",
            ["identity:issuer"] = "https://b.test/",
            ["identity:trustedIssuers"] = other,
            ["checkpoint:key"] = "c.key",
            ["checkpoint:file"] = "c.file",
            ["telemetry:otlp"] = "http://127.0.0.1:4317/x",
            ["notifications:smtp"] = "smtp.acme.test:587",
            ["notifications:smtpFrom"] = "budget@acme.test",
            ["notifications:smtpUser"] = "budget",
            ["notifications:smtpPasswordFile"] = other,
            ["notifications:allowPrivate"] = "true",
        };
        Assert.Equal(values.Keys.Order(), SiloSetting.All.Select(setting => setting.Key).Order());
        string[] line = [.. SiloSetting.All.SelectMany(setting => (string[])[setting.Option, values[setting.Key]])];
        SiloModel onLine = (await RunAsync(line)).Model!;
        Assert.Equal(
            (Path.GetFullPath("elsewhere"), 1, 2, true, Path.GetFullPath("c.key"), Path.GetFullPath("c.file")),
            (onLine.Data, onLine.Http.Port, onLine.Grpc.Port, onLine.IsDemo, onLine.CheckpointKeyPath,
                onLine.CheckpointsPath));
        Assert.Equal((true, true), (onLine.HasDashboard, onLine.IsDashboardOpen));
        Assert.Equal(
            (3, other, file, "Optional", other),
            (onLine.Tls!.EndPoint.Port, onLine.Tls.CertificatePath, onLine.Tls.KeyPath, onLine.Tls.Clients.ToString(),
                onLine.Tls.ClientCaPath));
        Assert.Equal(
            (other, "https://b.test", "http://127.0.0.1:4317/x", "https://a.test *"),
            (onLine.CatalogPath, onLine.Issuer, onLine.Otlp!.ToString(), string.Join(' ', onLine.Origins)));
        Assert.Equal(
            new ClusterModel(
                new PostgresStoreModel("Host=127.0.0.1;Database=budget"), other,
                new IPEndPoint(IPAddress.Parse("192.0.2.1"), 4),
                IsDistributedDirectory: false, new SiloTlsModel(other, file, other)),
            onLine.Cluster);
        Assert.Equal(5, onLine.Gateway!.Listen.Port);
        MailOptions mail = new("smtp.acme.test", 587, "budget@acme.test") { User = "budget", PasswordFile = other };
        Assert.Equal(new NotificationOptions(AllowPrivate: true, mail), onLine.Notifications);

        SiloModel inEnvironment = (await RunInAsync(
            values.ToDictionary(value => VariableOf(value.Key), value => value.Value))).Model!;
        await File.WriteAllTextAsync(file, JsonOf(values).ToJsonString());
        SiloModel inFile = (await RunAsync("--config", file)).Model!;
        File.Delete(file);
        File.Delete(other);
        Assert.Equal(TextOf(onLine), TextOf(inEnvironment));
        Assert.Equal(TextOf(onLine), TextOf(inFile));
    }

    [Theory]
    [InlineData("cluster:key", null, "cluster:key must name the file with the cluster's key")]
    [InlineData("cluster:address", null, "cluster:address must say where the other silos reach this one")]
    [InlineData("cluster:address", "0.0.0.0:7072", "and 0.0.0.0:7072 is no such place")]
    [InlineData("cluster:address", "127.0.0.1:0", "and 127.0.0.1:0 is no such place")]
    [InlineData("cluster:address", "192.0.2.1:7072", "name cluster:certificate, cluster:certificateKey and cluster:ca")]
    [InlineData("cluster:certificate", "FILE", "cluster:certificate, cluster:certificateKey and cluster:ca go together")]
    [InlineData("cluster:ca", "FILE", "cluster:certificate, cluster:certificateKey and cluster:ca go together")]
    [InlineData("identity:issuer", null, "identity:issuer must be the same URL for every silo")]
    public async Task A_cluster_that_is_not_whole_is_refused_with_a_sentence(string key, string? value, string sentence)
    {
        string file = Path.GetTempFileName();
        Dictionary<string, string> values = new()
        {
            ["store"] = "postgres",
            ["cluster:postgres"] = "Host=127.0.0.1;Database=budget",
            ["cluster:key"] = file,
            ["cluster:address"] = "127.0.0.1:7072",
            ["identity:issuer"] = "https://b.test",
        };
        Assert.NotNull((await RunInAsync(VariablesOf(values))).Model);
        if (value is null) values.Remove(key);
        else values[key] = value == "FILE" ? file : value;

        (int code, _, string errors) = await RunInAsync(VariablesOf(values));

        File.Delete(file);
        Assert.Equal(64, code);
        Assert.Contains(sentence, errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_store_says_which_of_two_connections_is_meant()
    {
        string file = Path.GetTempFileName();
        Dictionary<string, string> values = new()
        {
            ["store"] = "azure",
            ["cluster:postgres"] = "Host=127.0.0.1;Database=budget",
            ["cluster:azure"] = "UseDevelopmentStorage=true",
            ["cluster:key"] = file,
            ["cluster:address"] = "127.0.0.1:7072",
            ["identity:issuer"] = "https://b.test",
        };
        SiloModel model = (await RunInAsync(VariablesOf(values))).Model!;
        File.Delete(file);
        Assert.Equal(new AzureStoreModel("UseDevelopmentStorage=true"), model.Cluster!.Store);
        Assert.DoesNotContain("UseDevelopmentStorage", model.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 64, "cluster:postgres must name the database, or cluster:azure the storage account.")]
    [InlineData("--postgres Host=h;Database=b", 0, "PostgreSQL")]
    [InlineData("--azure UseDevelopmentStorage=true", 0, "Azure Storage")]
    [InlineData("--postgres Host=h;Database=b --azure UseDevelopmentStorage=true", 64, "say with store which")]
    [InlineData("--postgres Host=h;Database=b --azure UseDevelopmentStorage=true --store azure", 0, "Azure Storage")]
    [InlineData("--postgres Host=h;Database=b --store azure", 64, "cluster:azure must name the storage account")]
    public async Task What_is_migrated_is_the_store_that_is_named(string line, int code, string told)
    {
        string migrated = "";
        StringWriter errors = new();
        SiloCommand command = new(_ => Task.FromResult(1))
        {
            Environment = new Dictionary<string, string>(),
            Migrate = store =>
            {
                migrated = store.Name;
                return Task.FromResult(0);
            },
        };
        Assert.Equal(
            code,
            await command.InvokeAsync(
                ["--migrate", .. line.Split(' ', StringSplitOptions.RemoveEmptyEntries)], errors));
        Assert.Contains(told, migrated + errors, StringComparison.Ordinal);
    }

    private static Dictionary<string, string> VariablesOf(Dictionary<string, string> values) =>
        values.ToDictionary(value => VariableOf(value.Key), value => value.Value);

    [Fact]
    public async Task The_help_names_every_option_and_fits_a_terminal()
    {
        StringWriter help = new();
        SiloCommand command = new(_ => Task.FromResult(1)) { Output = help };

        Assert.Equal(0, await command.InvokeAsync(["--help"], TextWriter.Null));

        Assert.All(
            SiloSetting.All,
            setting => Assert.Contains($" {setting.Option} ", help.ToString(), StringComparison.Ordinal));
        Assert.All(help.ToString().Split('\n'), line => Assert.InRange(line.TrimEnd().Length, 0, 80));
    }

    [Theory]
    [InlineData("0.0.0.0:7070", true)]
    [InlineData("[::1]:7070", false)]
    [InlineData("localhost:7070", false)]
    [InlineData("192.0.2.1:7070", true)]
    public async Task An_address_that_others_reach_is_known_as_exposed(string http, bool isExposed)
    {
        (_, SiloModel? model, _) = await RunAsync("--http", http);

        Assert.Equal(isExposed, model!.IsExposed);
    }

    private static string TextOf(SiloModel model) => $"{model} {string.Join(' ', model.Origins)}";

    private static JsonObject JsonOf(Dictionary<string, string> values)
    {
        JsonObject written = [];
        foreach ((string key, string value) in values)
        {
            string[] parts = key.Split(':');
            if (parts.Length == 1) written[key] = value;
            else (written[parts[0]] ??= new JsonObject())[parts[1]] = value;
        }

        return written;
    }

    private static string VariableOf(string key) =>
        "AGENTBUDGET_" + key.Replace(":", "__", StringComparison.Ordinal).ToUpperInvariant();

    private static Task<(int Code, SiloModel? Model, string Errors)> RunAsync(params string[] arguments) =>
        RunInAsync([], arguments);

    private static async Task<(int Code, SiloModel? Model, string Errors)> RunInAsync(
        Dictionary<string, string> environment, params string[] arguments)
    {
        SiloModel? model = null;
        StringWriter errors = new();
        SiloCommand command = new(found =>
        {
            model = found;
            return Task.FromResult(0);
        })
        {
            Environment = environment,
        };
        int code = await command.InvokeAsync(arguments, errors);
        return (code, model, errors.ToString());
    }
}
