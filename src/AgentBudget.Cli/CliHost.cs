using System.CommandLine;
using AgentBudget.Cli.Connecting;
using AgentBudget.Cli.Output;
using AgentBudget.Client;
using Grpc.Core;

namespace AgentBudget.Cli;

/// <summary>Runs commands: makes what they need, and turns what stops them into a sentence and an exit code.</summary>
internal sealed class CliHost
{
    public GlobalOptions Options { get; } = new();

    /// <summary>Gives a command its body.</summary>
    public Command Handle(Command command, Func<CliCall, Task<int>> body)
    {
        command.SetAction((parsed, _) => RunAsync(parsed, body));
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, Func<CliCall, Task<int>> body)
    {
        CliOutput output = new(
            parsed.GetValue(Options.Output),
            parsed.InvocationConfiguration.Output,
            parsed.InvocationConfiguration.Error);
        await using CliCall call = new(Options, parsed, output);
        try
        {
            return await body(call);
        }
        catch (CliException fault)
        {
            output.Say(fault.Message);
            return fault.ExitCode;
        }
        catch (AgentBudgetException fault)
        {
            return Tell(output, fault);
        }
        catch (RpcException fault)
        {
            output.Say(fault.Status.Detail);
            return ExitCodes.Failed;
        }
        catch (OperationCanceledException) when (call.Cancellation.IsCancellationRequested)
        {
            output.Say("Interrupted. A change that was on its way may have been made: look before you repeat it.");
            return ExitCodes.Interrupted;
        }
        catch (Exception fault)
        {
            output.Say($"A defect of this program, please report it: {fault}");
            return ExitCodes.Software;
        }
    }

    /// <summary>Says why a call has no answer and what to do about it.</summary>
    internal static int Tell(CliOutput output, AgentBudgetException fault)
    {
        if (fault.FieldFaults.Count > 0)
        {
            foreach (FieldFault field in fault.FieldFaults) output.Say($"{field.Field}: {field.Description}");
            return ExitCodes.Data;
        }

        string advice = fault.StatusCode switch
        {
            StatusCode.Unauthenticated =>
                " The credential is unknown, expired or revoked: log in again, or name another --credential-file.",
            StatusCode.PermissionDenied => " Use a credential whose role may do that.",
            StatusCode.Unavailable or StatusCode.DeadlineExceeded when fault.Reason.Length == 0 =>
                " Is the service running, and is --server the address where it answers gRPC (7071 in cleartext, not "
                + "7070)?",
            _ => "",
        };
        output.Say(fault.Message + advice);
        return fault.StatusCode switch
        {
            StatusCode.Unauthenticated or StatusCode.PermissionDenied => ExitCodes.NotPermitted,
            StatusCode.Unavailable or StatusCode.DeadlineExceeded => ExitCodes.Unavailable,
            _ => ExitCodes.Failed,
        };
    }
}
