using AgentBudget.Silo.Options;

namespace AgentBudget.Silo.Tests;

[Collection("environment")]
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
        Assert.False(model.IsExposed);
        Assert.Null(model.CatalogPath);
    }

    [Fact]
    public async Task The_embedded_file_says_the_defaults()
    {
        string file = Path.Combine(AppContext.BaseDirectory, "silo-config", "embedded.yaml");

        (int code, SiloModel? model, string errors) = await RunAsync("--config", file);

        Assert.Equal((0, ""), (code, errors));
        Assert.Equal((await RunAsync()).Model, model);
    }

    [Fact]
    public async Task The_command_line_wins_over_the_environment_and_that_over_the_file()
    {
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "http: 127.0.0.1:1001\ngrpc: 127.0.0.1:1002\ndata: from-file\n");
        Environment.SetEnvironmentVariable("AGENTBUDGET_CONFIG", file);
        Environment.SetEnvironmentVariable("AGENTBUDGET_GRPC", "127.0.0.1:2002");
        Environment.SetEnvironmentVariable("AGENTBUDGET_DATA", "from-environment");
        try
        {
            (_, SiloModel? model, _) = await RunAsync("--data", "from-line");

            Assert.Equal(1001, model!.Http.Port);
            Assert.Equal(2002, model.Grpc.Port);
            Assert.Equal(Path.GetFullPath("from-line"), model.Data);
        }
        finally
        {
            Environment.SetEnvironmentVariable("AGENTBUDGET_CONFIG", null);
            Environment.SetEnvironmentVariable("AGENTBUDGET_GRPC", null);
            Environment.SetEnvironmentVariable("AGENTBUDGET_DATA", null);
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("--http", "nowhere", "http must be HOST:PORT")]
    [InlineData("--http", "127.0.0.1", "http must be HOST:PORT")]
    [InlineData("--grpc", "127.0.0.1:70000", "grpc must be HOST:PORT")]
    [InlineData("--grpc", "127.0.0.1:7070", "need a port each")]
    [InlineData("--store", "postgres", "not part of this release")]
    [InlineData("--store", "redis", "must be sqlite")]
    [InlineData("--catalog", "missing.yaml", "does not exist")]
    [InlineData("--config", "missing.yaml", "does not exist")]
    [InlineData("--data", "", "must be a path")]
    [InlineData("--postgres", "x", "--postgres")]
    [InlineData("--demo", "maybe", "maybe")]
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
    [InlineData("htp: 127.0.0.1:1", "line 1: htp is not an option")]
    [InlineData("# a comment\nhttp: [1]", "line 2: http must be a single value")]
    [InlineData("data: a\ndata: b", "line 2: data is there twice")]
    [InlineData("- data", "must be lines of an option")]
    [InlineData("demo: perhaps", "option demo must be true or false")]
    [InlineData("\"", "not readable as YAML")]
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
    [InlineData("0.0.0.0:7070", true)]
    [InlineData("[::1]:7070", false)]
    [InlineData("localhost:7070", false)]
    [InlineData("192.0.2.1:7070", true)]
    public async Task An_address_that_others_reach_is_known_as_exposed(string http, bool isExposed)
    {
        (_, SiloModel? model, _) = await RunAsync("--http", http);

        Assert.Equal(isExposed, model!.IsExposed);
    }

    private static async Task<(int Code, SiloModel? Model, string Errors)> RunAsync(params string[] arguments)
    {
        SiloModel? model = null;
        StringWriter errors = new();
        SiloCommand command = new(found =>
        {
            model = found;
            return Task.FromResult(0);
        });
        int code = await command.InvokeAsync(arguments, errors);
        return (code, model, errors.ToString());
    }
}
