"""What make doctor has found so far; each line is printed as it comes."""

from workshop_kit.machine import Kind, Machine


class Report:
    """The findings of this machine, and those of which it is known that they are not so."""

    def __init__(self) -> None:
        self.found: list[Machine] = []
        self.right: list[Machine] = []  # for a room, in which somebody may call about one of them

    def good(self, text: str, *right: Machine) -> None:
        """All is well there, and these findings are not so."""
        print(f"✓ {text}")
        self.right += right

    def add(self, finding: Machine, *words: object) -> None:
        """This is so; the words are filled into its sentence and its remedy."""
        print(finding.lines(*words))
        self.found.append(finding)

    @property
    def broken(self) -> list[Machine]:
        """What must be fixed."""
        return [each for each in self.found if each.kind is Kind.BROKEN]
