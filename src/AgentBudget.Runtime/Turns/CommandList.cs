namespace AgentBudget.Runtime.Turns;

/// <summary>Commands in the order of their arrival; a command is in at most one list.</summary>
internal struct CommandList
{
    private PendingCommand? _first;
    private PendingCommand? _last;

    public readonly bool IsEmpty => _first is null;

    public void Add(PendingCommand command)
    {
        command.Next = null;
        if (_last is null) _first = command;
        else _last.Next = command;
        _last = command;
    }

    public bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out PendingCommand? command)
    {
        command = _first;
        if (command is null) return false;
        _first = command.Next;
        if (_first is null) _last = null;
        command.Next = null;
        return true;
    }
}
