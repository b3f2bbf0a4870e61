using AgentBudget.Edge.Tests.Support;
using Xunit.Runner.InProc.SystemConsole;

namespace AgentBudget.Edge.Tests.Hostile;

/// <summary>
/// The hostile cases as a program, so that what good callers beside them notice can be measured from outside: one
/// process serves, another attacks. See <c>eng/attacks.sh</c>.
/// </summary>
internal static class HostileProgram
{
    internal static async Task<int> Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["hostile-server"]:
                return await ServeAsync();
            case ["hostile-attacker", string http, string grpc, string perSecond]:
                return await AttackAsync(new Uri($"http://{http}"), new Uri($"http://{grpc}"), int.Parse(perSecond));
            default:
                return await ConsoleRunner.Run(arguments);
        }
    }

    /// <summary>Serves until its input ends, after it printed its addresses as one line: HTTP/1.1, then gRPC.</summary>
    private static async Task<int> ServeAsync()
    {
        await using EdgeServer server = await EdgeServer.StartAsync();
        Console.WriteLine($"{server.HttpAddress.Authority} {server.GrpcAddress.Authority}");
        await Console.In.ReadToEndAsync();
        return 0;
    }

    /// <summary>
    /// Prints the names of all cases as one line. Then each line of its input names a case, which it sends until the
    /// next line, at a steady rate and each time on a connection of its own. For an empty line it stops, and prints how
    /// often it did, how many answers were wrong, and the first of these.
    /// </summary>
    private static async Task<int> AttackAsync(Uri http, Uri grpc, int perSecond)
    {
        Console.WriteLine(string.Join('\t', HostileCases.All.Select(one => one.Name)));
        // Not Console.In, whose asynchronous methods do not return before there is a line.
        using StreamReader input = new(Console.OpenStandardInput());
        Task<string?> next = input.ReadLineAsync();
        while (await next is string name)
        {
            next = input.ReadLineAsync();
            if (HostileCases.All.FirstOrDefault(one => one.Name == name) is not HostileCase hostile)
                continue;
            Console.WriteLine();
            int done = 0, wrong = 0;
            string first = "";
            using PeriodicTimer pace = new(TimeSpan.FromSeconds(1.0 / perSecond));
            for (; !next.IsCompleted && await pace.WaitForNextTickAsync(); done++)
            {
                if (await HostileConnection.AttackAsync(hostile.IsHttp2 ? grpc : http, hostile) is not string fault)
                    continue;
                wrong++;
                first = first.Length == 0 ? fault : first;
            }

            Console.WriteLine($"{done}\t{wrong}\t{first}");
        }

        return 0;
    }
}
