"""Runs jupyter_kernel_test against the installed kernel and prints one line of JSON for each case."""

import json
import unittest

from jupyter_kernel_test import IopubWelcomeTests, KernelTests

KERNEL = "lawbook"
# Seconds until an answer; on a machine under load compiler and data take longer to load than the suite waits.
PATIENCE = 240


class TestKernel(KernelTests):
    kernel_name = KERNEL
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = 'console.log("hello, world")'
    code_stderr = 'console.error("to the side")'
    completion_samples = [
        {"text": "const planet = 'Venus'; planet.toUpperC", "matches": {"toUpperCase"}},
        {"text": "%lsm", "matches": {"lsmagic"}},
        {"text": "%evaluate --dev", "matches": {"--device"}},
        {"text": "%law --js", "matches": {"--json"}},
        {"text": "const r = %tra", "matches": {"train"}},
        {"text": "noSuchNameAnywhere", "matches": set()},
    ]
    complete_code_samples = [
        "1 + 1",
        "for (const n of [1, 2]) console.log(n)",
        "%lsmagic",
        "%data geography",
        "%%train small\nmodel: xs-instruct\n\n",
        "`a template`",
    ]
    incomplete_code_samples = [
        "function f() {",
        "[1, 2,",
        "`a template that goes on",
        "%%train small\nmodel: xs-instruct",
        "/* a comment",
        "if (true) {\n  1",
    ]
    invalid_code_samples = ["1 )", ")(", "const = 3", "} else {"]
    code_page_something = "%train?"
    code_generate_error = 'throw new RangeError("too far")'
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "`${6 * 7}`", "result": "42"},
        {"code": "await Promise.resolve([1, 2])", "result": "[ 1, 2 ]"},
        {"code": "{ const inner = 1; } ({ a: 1 })", "result": "{ a: 1 }"},
    ]
    code_display_data = [
        {"code": 'display({ "text/html": "<b>bold</b>" })', "mime": "text/html"},
        {"code": "%device", "mime": "text/plain"},
        {"code": "%data geography", "mime": "text/html"},
    ]
    code_history_pattern = "6 ?*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "parseInt"
    code_clear_output = "clearOutput()"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kc.execute_interactive("0", timeout=PATIENCE, output_hook=lambda message: None)

    def execute_helper(self, code, timeout=PATIENCE, **options):
        return super().execute_helper(code, timeout, **options)


class TestWelcome(IopubWelcomeTests):
    kernel_name = KERNEL
    support_iopub_welcome = True


class Reporter(unittest.TestResult):
    """Tells every case, with the reasons of its failures and those of its parts."""

    def startTest(self, test):
        super().startTest(test)
        self.reasons = []
        self.state = "passed"

    def _failed(self, test, reason):
        self.state = "failed"
        self.reasons.append(f"{test}: {self._exc_info_to_string(reason, test)}")

    def addFailure(self, test, err):
        self._failed(test, err)

    def addError(self, test, err):
        # A class that cannot be set up has no case of its own.
        if not isinstance(test, unittest.TestCase):
            print(json.dumps({"name": str(test), "state": "failed", "reason": str(err[1])}), flush=True)
            return
        self._failed(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._failed(subtest, err)

    def addSkip(self, test, reason):
        self.state = "failed" if self.state == "failed" else "skipped"
        self.reasons.append(f"{test}: {reason}")

    def stopTest(self, test):
        super().stopTest(test)
        line = {"name": test._testMethodName, "state": self.state, "reason": "\n".join(self.reasons)}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    # Not from the module: its imports hold the suites of the sample kernel, too.
    load = unittest.defaultTestLoader.loadTestsFromTestCase
    unittest.TestSuite([load(TestKernel), load(TestWelcome)]).run(Reporter())
